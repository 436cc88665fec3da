/// What becomes of rows that are too long.
public struct LengthPolicy: Sendable, Equatable, Codable {
  /// What is done with a row that is too long.
  public enum Overflow: String, Sendable, CaseIterable, Codable {
    /// The row is left out and counted.
    case drop
    /// The whole set is refused.
    case error
  }

  /// The longest row in tokens; nil for any length.
  public let maxLength: Int?
  /// What is done with longer rows.
  public let onOverflow: Overflow

  /// A policy; `maxLength` in tokens, nil for any length.
  public init(maxLength: Int? = nil, onOverflow: Overflow = .drop) {
    self.maxLength = maxLength
    self.onOverflow = onOverflow
  }
}
