import Foundation
import HalterBackend
import HalterFormats
import HalterOptim
import HalterTensor

/// The checkpoints of a run: `checkpoints/step-N/` with the weights, the state of the optimiser and
/// checksums, and links `best` and `last`. A checkpoint exists completely or not at all.
public struct CheckpointStore {
  /// What a checkpoint knows beside the weights.
  public struct Progress: Codable, Sendable, Equatable {
    /// Steps taken.
    public var step: Int
    /// The evaluation with the lowest loss so far, but for that before the first step.
    public var bestEvaluation: EvaluationMetrics?
    /// The newest evaluation.
    public var lastEvaluation: EvaluationMetrics?
    /// The last step after which the model was evaluated; nil before the first evaluation.
    public var evaluatedStep: Int?
    /// The validation loss before the first step, for the summary of a resumed run.
    public var firstEvaluation: EvaluationMetrics?
    /// Fingerprints of what must not change between a run and its resumption.
    public var recipeFingerprint: String
    /// The fingerprint of the training rows.
    public var dataFingerprint: String
  }

  /// The run directory's `checkpoints`.
  public let directory: URL
  private static let stateName = "state.h5"

  /// The checkpoints of a run directory.
  public init(run: URL) { directory = run.appending(path: "checkpoints") }

  /// The directory of the checkpoint after a step.
  public func url(step: Int) -> URL { directory.appending(path: "step-\(step)") }

  /// Writes a checkpoint and points `last`, and `best` if it is the best, at it.
  /// - Returns: its directory.
  @discardableResult
  public func save(
    _ weights: any TrainedWeights, _ optimizer: AdamW, _ progress: Progress
  ) throws -> URL {
    try AtomicDirectory.makeDirectory(directory)
    let url = url(step: progress.step)
    try AtomicDirectory.write(to: url, overwrite: true) { partial in
      try weights.write(to: partial)
      try Self.write(optimizer, progress, to: partial.appending(path: Self.stateName))
      try ChecksumManifest.write(partial)
    }
    try AtomicWrite.link(directory.appending(path: "last"), to: url.lastPathComponent)
    if progress.bestEvaluation?.step == progress.step {
      try AtomicWrite.link(directory.appending(path: "best"), to: url.lastPathComponent)
    }
    return url
  }

  /// Removes all but the newest `count` checkpoints; `best` and `last` always stay.
  public func prune(keeping count: Int, best: Int?) throws {
    let steps = try self.steps()
    let kept = Set(steps.suffix(max(1, count)) + (best.map { [$0] } ?? []))
    for step in steps where !kept.contains(step) {
      try AtomicDirectory.remove(url(step: step))
    }
  }

  /// The steps that have a checkpoint, ascending.
  public func steps() throws -> [Int] {
    guard FileManager.default.fileExists(atPath: directory.path) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: directory.path)
      .compactMap { $0.hasPrefix("step-") ? Int($0.dropFirst("step-".count)) : nil }.sorted()
  }

  /// The newest checkpoint that is whole.
  /// - Throws: `TrainingError` if there is none.
  public func newest() throws -> URL {
    for step in try steps().reversed() {
      if (try? ChecksumManifest.verify(url(step: step))) != nil { return url(step: step) }
    }
    throw TrainingError(
      .badCheckpoint, "\(directory.path) holds no complete checkpoint",
      mend: "Start the run anew, without --resume")
  }

  /// Puts the weights and the optimiser back as they were.
  /// - Throws: `FormatError` or `TrainingError` if the checkpoint is damaged or of another run.
  public func restore(
    _ url: URL, _ weights: any TrainedWeights, _ optimizer: AdamW
  ) throws -> Progress {
    try ChecksumManifest.verify(url)
    let state = try HDF5Reader(url.appending(path: Self.stateName))
    guard let text = try state.attribute("progress"),
      let progress = try? JSONDecoder().decode(Progress.self, from: Data(text.utf8))
    else {
      throw TrainingError(.badCheckpoint, "\(state.url.path) does not say how far the run was")
    }
    let saved = try OptimizerState(state, of: optimizer)
    try weights.restore(from: url)
    try saved.restore(optimizer)
    return progress
  }

  private static func write(_ optimizer: AdamW, _ progress: Progress, to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = String(decoding: try encoder.encode(progress), as: UTF8.self)
    try HDF5Writer.write(to: url) { file in
      try file.setAttribute(text, for: "progress")
      try OptimizerState.write(optimizer, to: file)
    }
  }
}
