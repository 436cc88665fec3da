import Foundation
import HalterData
import HalterFormats
import HalterModels
import HalterTensor
import HalterTraining

/// Measures how well reward models agree with preferences.
public struct EvalJob {
  /// What was found.
  public struct Result: Sendable {
    /// What the scores say.
    public let report: PreferenceReport
    /// What became of the rows.
    public let statistics: DatasetStatistics
  }

  private let scorer: RewardScorer

  /// A job on a scorer.
  public init(_ scorer: RewardScorer) { self.scorer = scorer }

  /// Reads the pairs or ranked answers of a file and judges the scores that are given to them.
  ///
  /// The loss is that of the plain comparison, without margins: files with and without them are
  /// measured alike. Rows that teach nothing are left out and counted.
  /// - Throws: `DataError` naming the row that cannot be read, or where there is none to compare.
  public func run(rows url: URL, name: String) throws -> Result {
    let (statistics, main) = try measure(scorer.main, url, name)
    let comparisons = try scorer.combined(main) { try measure($0, url, name).comparisons }
    let ordered = comparisons.sorted { ($0.key.file, $0.key.line) < ($1.key.file, $1.key.line) }
    guard let report = PreferenceReport(ordered.map(\.value)) else {
      throw DataError(.untrainable, "there are no rows to compare", file: name)
    }
    return Result(report: report, statistics: statistics)
  }

  private func measure(
    _ session: RewardSession, _ url: URL, _ name: String
  ) throws -> (statistics: DatasetStatistics, comparisons: [RowLocation: ScoredComparison]) {
    let encoder = ExampleEncoder(
      comparing: session.renderer,
      length: LengthPolicy(maxLength: session.model.backbone.contextLength))
    let dataset = try Dataset(
      reading: [DataSource(path: url.path, name: name)], encoder: encoder,
      threads: ProcessInfo.processInfo.activeProcessorCount)
    let method = try RewardMethod(model: session.model, train: dataset, validation: dataset)
    let planner = BatchPlanner(
      lengths: dataset.lengths, budget: .tokens(RewardSession.batchTokens), seed: 0)
    var comparisons: [RowLocation: ScoredComparison] = [:]
    for rows in planner.inOrder() {
      let batch = try withoutGradients {
        try method.loss(of: rows, in: .validation, scale: 1, dropoutSeed: nil)
      }
      for (row, comparison) in zip(rows, batch.comparisons) {
        comparisons[try dataset.row(row).location] = comparison
      }
    }
    return (dataset.statistics, comparisons)
  }
}
