import HalterTraining

/// Whether a run fits in the memory that is there, and what helps if it does not.
struct MemoryCheck: Equatable {
  /// How a run fits.
  enum Verdict: Equatable {
    case fits
    /// So little is left that other programs or an error of the prediction may be too much.
    case tight
    case tooLarge
  }

  /// What the run needs besides what the process has, in bytes.
  let needed: Int
  /// What is there, in bytes.
  let available: Int

  /// Predictions are off by up to 15 %: what needs more than this share of the memory may not fit.
  private static let share = 0.87

  var verdict: Verdict {
    if needed > available { return .tooLarge }
    return Double(needed) > Self.share * Double(available) ? .tight : .fits
  }

  /// What was found, without a full stop.
  var finding: String {
    "the run needs about \(Quantities.bytes(needed)) of memory, and \(Quantities.bytes(available)) "
      + "are available"
  }

  /// The error of a run that does not fit.
  func error(_ advice: [MemoryAdvice]) -> TrainingError {
    let helps = advice.map(\.text)
    let mend =
      helps.isEmpty
      ? "Use a smaller model" : helps.joined(separator: "; or ")
    return TrainingError(
      .outOfMemory, finding, mend: mend + ". To try nevertheless, give --ignore-memory")
  }
}

/// A change of a recipe that makes a run smaller.
public struct MemoryAdvice: Sendable, Equatable, Encodable {
  /// The change as an override of the recipe, e.g. `train.recompute=blocks`.
  public let change: String
  /// The peak with it, in bytes.
  public let peakBytes: Int

  var text: String { "\(change) makes it \(Quantities.bytes(peakBytes))" }
}
