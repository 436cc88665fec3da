/// SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators"): the
/// same numbers on every platform and in every release, which the standard library's generator and
/// `shuffle` do not promise.
public struct SeededGenerator: Sendable {
  private var state: UInt64

  /// A generator whose whole sequence follows from the seed.
  public init(seed: UInt64) {
    state = seed
  }

  /// A generator for one stream (an epoch) of a seed; different streams are unrelated.
  public init(seed: UInt64, stream: UInt64) {
    var mixer = SeededGenerator(seed: seed)
    var streams = SeededGenerator(seed: stream ^ 0x6A09_E667_F3BC_C909)
    state = mixer.next() ^ streams.next()
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number in `0..<bound`, without bias (Lemire 2019, algorithm 5).
  public mutating func next(below bound: Int) -> Int {
    precondition(bound > 0, "SeededGenerator: the bound is positive")
    let bound = UInt64(bound)
    var product = next().multipliedFullWidth(by: bound)
    let threshold = (0 &- bound) % bound
    while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
    return Int(product.high)
  }

  /// Shuffles in place (Fisher and Yates).
  public mutating func shuffle<Element>(_ items: inout [Element]) {
    for last in stride(from: items.count - 1, to: 0, by: -1) {
      items.swapAt(last, next(below: last + 1))
    }
  }
}
