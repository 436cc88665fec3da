/// A part of the rows of a source, by what they say: where a row stands does not matter, and equal
/// rows are on one side.
public struct RowPart: Sendable, Equatable, Codable {
  /// What becomes of the rows that are held out for validation.
  public enum HoldOut: Sendable, Equatable, Codable {
    /// None are.
    case none
    /// This share is left to validation.
    case without(Double)
    /// Only this share is taken, for validation.
    case only(Double)
  }

  /// All rows.
  public static let all = RowPart()

  /// Where the part begins, from 0 to 1.
  public let start: Double
  /// Where the part ends, at most 1.
  public let end: Double
  /// What becomes of the rows of the part that are held out.
  public let holdOut: HoldOut

  /// The rows from the share `start` to the share `end`.
  public init(start: Double = 0, end: Double = 1, holdOut: HoldOut = .none) {
    precondition(0 <= start && start <= end && end <= 1, "RowPart: \(start) to \(end)")
    self.start = start
    self.end = end
    self.holdOut = holdOut
  }

  /// Whether every row is in the part, held out or not.
  var isWhole: Bool { start == 0 && end == 1 }

  /// Whether a row is in the part, held out or not.
  func contains(_ digest: ContentDigest) -> Bool {
    let place = Self.place(digest.high)
    return start <= place && place < end
  }

  /// Whether a row of the part is taken and not left to the other side.
  func takes(_ digest: ContentDigest) -> Bool {
    // Other bits than those above: the share is one of any part.
    let place = Self.place(digest.low)
    return switch holdOut {
    case .none: true
    case .without(let share): place >= share
    case .only(let share): place < share
    }
  }

  /// A number from 0 to below 1.
  private static func place(_ bits: UInt64) -> Double { Double(bits >> 11) * 0x1p-53 }
}

/// Decides about the rows of a source, in their order, which are taken: those of its part, up to its
/// limit.
///
/// The limit counts the rows of the part, also those that are held out; so the two sides of a source
/// are the same rows as one.
struct RowSelection: Sendable {
  private let part: RowPart
  private let limit: Int
  private var counted = 0

  init(_ source: DataSource) {
    part = source.part
    limit = source.limit ?? .max
  }

  /// Whether no further row is taken.
  var isFull: Bool { counted >= limit }

  /// Whether the next row is taken.
  mutating func takes(_ digest: ContentDigest) -> Bool {
    guard !isFull, part.contains(digest) else { return false }
    counted += 1
    return part.takes(digest)
  }
}
