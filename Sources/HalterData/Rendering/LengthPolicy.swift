/// What becomes of rows that are too long.
public struct LengthPolicy: Sendable, Equatable, Codable {
  /// What is done with a row that is too long. Whatever cannot be cut as asked for is left out.
  public enum Overflow: String, Sendable, CaseIterable, Codable {
    /// The row is left out and counted.
    case drop
    /// The whole set is refused.
    case error
    /// The oldest turns of a conversation are left out, from a user's message to the next one's,
    /// until the rest fits; a system message stays.
    case truncateTurns = "truncate_turns"
    /// The oldest tokens are left out. What is kept begins with a turn's header, and with the token
    /// that begins every row where there is one.
    case truncateLeft = "truncate_left"
    /// A text is cut into rows that fit.
    case split
  }

  /// The longest row in tokens; nil for any length.
  public let maxLength: Int?
  /// What is done with longer rows.
  public let onOverflow: Overflow

  /// A policy; `maxLength` in tokens, at least 2, nil for any length.
  public init(maxLength: Int? = nil, onOverflow: Overflow = .drop) {
    precondition((maxLength ?? 2) >= 2, "LengthPolicy: a row has at least two tokens")
    self.maxLength = maxLength
    self.onOverflow = onOverflow
  }
}
