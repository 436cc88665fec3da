/// A model that could not be understood: what was found, where, and what to do about it.
public struct ModelError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file or directory concerned.
  public let path: String
  /// What was found and what was expected, without a full stop.
  public let message: String
  /// What to do about it, without a full stop.
  public let mend: String?

  /// An error from its parts.
  public init(path: String, _ message: String, mend: String? = nil) {
    self.path = path
    self.message = message
    self.mend = mend
  }

  /// Place, finding, mend.
  public var description: String { "\(path): \(message)." + (mend.map { " \($0)." } ?? "") }
}
