/// Text that is not JSON: what was found, what was expected, and where.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Where in the text, in bytes from its start.
  public let offset: Int
  /// What was found and what was expected, without a full stop.
  public let message: String

  /// The message and the byte it is about.
  public var description: String { "\(message) (at byte \(offset))" }
}
