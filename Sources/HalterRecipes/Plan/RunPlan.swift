import HalterTraining

/// What a run is going to take, told before anything of it runs.
public struct RunPlan: Sendable, Encodable {
  /// How a run fits into the memory that is there.
  public enum Fit: String, Sendable, Encodable {
    case fits
    /// Little is left, or less than the prediction may be off by.
    case tight
    case tooLarge
  }

  /// The model as the recipe names it.
  public let model: String
  /// The method.
  public let method: String
  /// The memory by parts.
  public let memory: [MemoryPlan.Part]
  /// The most that the run holds at once, in bytes: what its peak resident size will be.
  public let peakBytes: Int
  /// What the process could take when it was asked, in bytes.
  public let availableBytes: Int
  /// Whether it fits.
  public let fit: Fit
  /// What would make it fit; empty if it does.
  public let advice: [MemoryAdvice]
  /// What is computed again in the backward pass: `none` or `blocks`.
  public let recompute: String
  /// What `train.recompute: auto` has decided, and why.
  public let recomputeNote: String?
  /// Rows to learn from.
  public let trainRows: Int
  /// Tokens of an epoch.
  public let tokensPerEpoch: Int
  /// Tokens of the longest micro-batch.
  public let longestBatchTokens: Int
  /// Optimiser steps.
  public let steps: Int
  /// Passes over the rows.
  public let epochs: Double
  /// Tokens that an optimiser step takes, on average.
  public let tokensPerStep: Double
  /// Seconds that an optimiser step takes, on average.
  public let secondsPerStep: Double
  /// Tokens in a second of training.
  public let tokensPerSecond: Double
  /// How often the model is evaluated, and the seconds of all of them.
  public let evaluations: Int
  /// The seconds of all evaluations.
  public let evaluationSeconds: Double
  /// The seconds of the whole run, without sample answers and checkpoints.
  public let seconds: Double

  /// The plan as lines of text.
  public var lines: [String] {
    let name = memory.map(\.name.count).max() ?? 0
    let size = memory.map { Quantities.bytes($0.bytes).count }.max() ?? 0
    func left(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    func right(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    let verdict =
      switch fit {
      case .fits: ""
      case .tight: ", which is tight"
      case .tooLarge: ", which is too little"
      }
    var lines = [
      "\(model)  \(method)",
      "memory   \(Quantities.bytes(peakBytes)); \(Quantities.bytes(availableBytes)) are available"
        + verdict,
    ]
    lines += memory.map {
      "  \(left($0.name, name))  \(right(Quantities.bytes($0.bytes), size))  \($0.detail)"
    }
    lines += advice.map { "  with \($0.change): \(Quantities.bytes($0.peakBytes))" }
    if let recomputeNote { lines.append("  \(recomputeNote)") }
    lines.append(
      "data     \(Quantities.grouped(trainRows)) rows, \(Quantities.count(tokensPerEpoch)) tokens "
        + "an epoch, at most \(Quantities.grouped(longestBatchTokens)) in a batch")
    lines.append(
      "steps    \(Quantities.grouped(steps)) of "
        + "\(Quantities.count(Int(tokensPerStep.rounded()))) tokens, "
        + "\(Quantities.fixed(epochs, 2)) epochs")
    lines.append(
      "speed    \(Quantities.short(tokensPerSecond)) tokens/s, "
        + "\(Quantities.duration(secondsPerStep)) a step, as measured on a few blocks")
    let evaluated =
      evaluations == 0
      ? "" : ", \(Quantities.duration(evaluationSeconds)) of it for \(evaluations) evaluations"
    lines.append("time     \(Quantities.duration(seconds))\(evaluated)")
    return lines
  }
}
