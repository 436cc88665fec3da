/// A set of digests in 20 to 25 bytes each.
///
/// It is cut into 256 tables in open addressing, each of which grows by a quarter when it is four
/// fifths full: never is much more memory taken than is used, nor all of it moved at once.
struct DigestSet: Sendable {
  private struct Table: Sendable {
    var slots: [ContentDigest] = Array(repeating: DigestSet.free, count: 16)
    var count = 0
  }

  /// What a slot without a digest holds.
  private static let free = ContentDigest(high: 0, low: 0)

  private var tables = [Table](repeating: Table(), count: 256)

  /// How many digests there are.
  var count: Int { tables.reduce(0) { $0 + $1.count } }

  /// Whether a digest is in the set.
  func contains(_ digest: ContentDigest) -> Bool {
    let digest = Self.usable(digest)
    let slots = tables[Int(digest.high >> 56)].slots
    return slots[Self.slot(of: digest, in: slots)] == digest
  }

  /// Adds a digest; false if it is there already.
  mutating func insert(_ digest: ContentDigest) -> Bool {
    let digest = Self.usable(digest)
    let number = Int(digest.high >> 56)
    let slot = Self.slot(of: digest, in: tables[number].slots)
    if tables[number].slots[slot] == digest { return false }
    tables[number].slots[slot] = digest
    tables[number].count += 1
    if 5 * tables[number].count > 4 * tables[number].slots.count { grow(number) }
    return true
  }

  private mutating func grow(_ number: Int) {
    let old = tables[number].slots
    var slots = [ContentDigest](repeating: Self.free, count: old.count + old.count / 4 + 1)
    for digest in old where digest != Self.free {
      slots[Self.slot(of: digest, in: slots)] = digest
    }
    tables[number].slots = slots
  }

  /// Where a digest is, or would be put.
  private static func slot(of digest: ContentDigest, in slots: [ContentDigest]) -> Int {
    var slot = Int(digest.low.multipliedFullWidth(by: UInt64(slots.count)).high)
    while slots[slot] != free, slots[slot] != digest {
      slot += 1
      if slot == slots.count { slot = 0 }
    }
    return slot
  }

  /// The digest of all zeros, which no row has in practice, stands for its neighbour.
  private static func usable(_ digest: ContentDigest) -> ContentDigest {
    digest == free ? ContentDigest(high: 0, low: 1) : digest
  }
}
