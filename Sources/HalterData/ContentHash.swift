/// A 64-bit fingerprint of what is trained on, the same on every platform. It tells changed data
/// from unchanged when a run resumes; it is no protection against forgery.
///
/// FNV-1a over 32-bit words, with the finaliser of SplitMix64 to spread the high bits.
struct ContentHash {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ word: UInt32) {
    state = (state ^ UInt64(word)) &* 0x0000_0100_0000_01B3
    state ^= state >> 29
  }

  /// Tokens and weights, and what the row says of its answers; where it came from does not count.
  mutating func add(_ row: TokenizedRow) {
    add(UInt32(truncatingIfNeeded: row.tokens.count))
    for token in row.tokens { add(UInt32(bitPattern: token)) }
    for weight in row.lossWeights { add(weight.bitPattern) }
    guard let comparison = row.comparison else { return }
    for length in comparison.lengths { add(UInt32(bitPattern: length)) }
    add((comparison.margin ?? .nan).bitPattern)
    add(UInt32(comparison.level.map { $0.rawValue + 1 } ?? 0))
    for isSafe in comparison.isSafe { add(isSafe.map { $0 ? 2 : 1 } ?? 0) }
  }

  var value: UInt64 {
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
