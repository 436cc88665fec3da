/// A run that cannot start or go on: what happened, and what to do about it.
public struct TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: Sendable {
    /// Loss or gradient stayed infinite or NaN.
    case diverged
    /// A checkpoint does not belong to this run, or is damaged.
    case badCheckpoint
    /// The recipe asks for something that cannot be trained.
    case impossible
    /// A run that will not fit in memory.
    case outOfMemory
  }

  /// The kind of failure.
  public let code: Code
  /// What was found and what was expected, without a full stop.
  public let message: String
  /// What to do about it, without a full stop.
  public let mend: String?

  /// An error from its parts.
  public init(_ code: Code, _ message: String, mend: String? = nil) {
    self.code = code
    self.message = message
    self.mend = mend
  }

  /// Finding and mend.
  public var description: String { message + "." + (mend.map { " \($0)." } ?? "") }
}
