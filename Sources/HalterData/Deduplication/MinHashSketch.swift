/// 32 bytes that stand for a set of hashes, so that the share of equal values in two of them
/// estimates the overlap of the sets, |A ∩ B| ÷ |A ∪ B|.
///
/// 64 minima (Broder 1997), found with a single hash a member: each goes into one of 64 bins, of
/// which the smallest hash counts (Li, Owen & Zhang 2012, "One permutation hashing"); an empty bin
/// borrows from another by a rule that is the same for all sets (Shrivastava 2017, "Optimal
/// densification for fast and accurate minwise hashing"). Of each minimum four bits are kept (Li &
/// König 2010, "b-bit minwise hashing"). Where the overlap is 0.8, the estimate is off by 0.05 on
/// average.
struct MinHashSketch: Sendable, Equatable {
  /// How many minima there are.
  static let count = 64
  private static let bits = 4

  /// Eight minima in each number; all zero for the empty set alone.
  let bands: SIMD8<UInt32>

  /// Whether this is the sketch of the empty set.
  var isEmpty: Bool { bands == SIMD8() }

  /// The sketch of a set.
  init(_ hashes: some Sequence<UInt64>) {
    var minima = [UInt64](repeating: .max, count: Self.count)
    var isEmpty = true
    for hash in hashes {
      let bin = Int(hash >> 58)
      minima[bin] = min(minima[bin], hash)
      isEmpty = false
    }
    var bands = SIMD8<UInt32>()
    for bin in 0..<(isEmpty ? 0 : Self.count) {
      let value = minima[Self.source(of: bin, in: minima)]
      // Other bits of a value in each bin: many bins may borrow one value, and two values that
      // agree by chance must not agree in all of them.
      let bits = mixed(value ^ UInt64(bin) &* 0x9E37_79B9_7F4A_7C15)
      let kept = UInt32(truncatingIfNeeded: bits >> (64 - Self.bits))
      bands[bin / 8] |= kept << UInt32(Self.bits * (bin % 8))
    }
    self.bands = bands
  }

  /// The bin that a bin takes its value from: itself, or where it is empty the first that is not in
  /// an order of its own.
  private static func source(of bin: Int, in minima: [UInt64]) -> Int {
    var source = bin
    var attempt: UInt64 = 0
    while minima[source] == .max {
      attempt += 1
      source = Int(mixed(UInt64(bin) << 32 | attempt) >> 58)
    }
    return source
  }

  /// An estimate of the overlap of two sets, from below 0 to 1; 1 for two empty sets, and 0 for one.
  func overlap(with other: MinHashSketch) -> Double {
    if isEmpty || other.isEmpty { return isEmpty == other.isEmpty ? 1 : 0 }
    let differing = bands ^ other.bands
    let halves = differing | (differing &>> 1)
    let marks = (halves | (halves &>> 2)) & 0x1111_1111
    let equal = Self.count - Int(marks.nonzeroBitCount.wrappedSum())
    // Values that have nothing in common agree in one of sixteen.
    let chance = 1 / Double(1 << Self.bits)
    return (Double(equal) / Double(Self.count) - chance) / (1 - chance)
  }
}
