/// The merge rules: which pair of neighbouring tokens becomes which token, and how early.
struct MergeTable: Sendable {
  /// What `find` gives for a pair that never merges; greater than every real value.
  static let none = UInt64.max

  /// Key and value side by side, so that a hit touches one cache line.
  private var cells: [UInt64]
  private var mask: Int
  private(set) var count = 0

  /// A table with room for `capacity` rules.
  init(capacity: Int) {
    var size = 64
    while size < capacity * 2 { size *= 2 }
    cells = [UInt64](repeating: .max, count: size * 2)
    mask = size - 1
  }

  /// Adds a rule; `capacity` must not be exceeded. A later rule for the same pair replaces it.
  mutating func insert(_ left: Int32, _ right: Int32, rank: Int, merged: Int32) {
    precondition(count <= mask / 2, "MergeTable: more rules than its capacity")
    let key = Self.key(left, right)
    var slot = Self.hash(key) & mask
    while cells[slot * 2] != .max, cells[slot * 2] != key { slot = (slot + 1) & mask }
    if cells[slot * 2] == .max { count += 1 }
    cells[slot * 2] = key
    cells[slot * 2 + 1] = UInt64(rank) << 32 | UInt64(UInt32(bitPattern: merged))
  }

  /// Rank (upper half) and merged id (lower half) of the pair, or `none`.
  func find(_ left: Int32, _ right: Int32) -> UInt64 {
    let key = Self.key(left, right)
    var slot = Self.hash(key) & mask
    while true {
      let found = cells[slot * 2]
      if found == key { return cells[slot * 2 + 1] }
      if found == .max { return Self.none }
      slot = (slot + 1) & mask
    }
  }

  /// Keys and values of all rules, in no order.
  var entries: [(key: UInt64, value: UInt64)] {
    (0...mask).compactMap { cells[$0 * 2] == .max ? nil : (cells[$0 * 2], cells[$0 * 2 + 1]) }
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  private static func hash(_ key: UInt64) -> Int {
    let product = key &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: product >> 32)
  }
}
