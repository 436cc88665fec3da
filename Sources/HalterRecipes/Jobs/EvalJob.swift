import Foundation
import HalterData
import HalterFormats
import HalterModels
import HalterTensor
import HalterTraining

/// Measures how well a reward model agrees with preferences.
public struct EvalJob {
  /// What was found.
  public struct Result: Sendable {
    /// What the scores say.
    public let report: PreferenceReport
    /// What became of the rows.
    public let statistics: DatasetStatistics
  }

  private let session: RewardSession

  /// A job on a reward model.
  public init(_ session: RewardSession) { self.session = session }

  /// Reads the pairs or ranked answers of a file and judges the scores that the model gives them.
  ///
  /// The loss is that of the plain comparison, without margins: files with and without them are
  /// measured alike. Rows that teach nothing are left out and counted.
  /// - Parameter progress: told how many rows are done, of how many.
  /// - Throws: `DataError` naming the row that cannot be read, or where there is none to compare.
  public func run(
    rows url: URL, name: String, progress: (Int, Int) -> Void = { _, _ in }
  ) throws -> Result {
    let encoder = ExampleEncoder(
      comparing: session.renderer,
      length: LengthPolicy(maxLength: session.model.backbone.contextLength))
    let dataset = try Dataset(
      reading: [DataSource(path: url.path, name: name)], encoder: encoder,
      threads: ProcessInfo.processInfo.activeProcessorCount)
    let method = try RewardMethod(model: session.model, train: dataset, validation: dataset)
    let planner = BatchPlanner(
      lengths: dataset.lengths, budget: .tokens(RewardSession.batchTokens), seed: 0)
    var comparisons: [ScoredComparison] = []
    for rows in planner.inOrder() {
      comparisons += try withoutGradients {
        try method.loss(of: rows, in: .validation, scale: 1, dropoutSeed: nil)
      }.comparisons
      progress(comparisons.count, dataset.count)
    }
    guard let report = PreferenceReport(comparisons) else {
      throw DataError(.untrainable, "there are no rows to compare", file: name)
    }
    return Result(report: report, statistics: dataset.statistics)
  }
}
