/// A seeded stream of random numbers: SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable
/// pseudorandom number generators").
///
/// The numbers are the same on every platform and in every release, which the standard library's
/// generator, `shuffle` and `random(in:)` do not promise; resuming a run depends on it.
public struct RandomStream: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// A stream for a seed.
  public init(seed: UInt64) { state = seed }

  /// A stream for a seed and a name: each tensor has its own, whatever the order of creation.
  public init(seed: UInt64, name: String) {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    var mixer = RandomStream(seed: seed)
    state = mixer.next() ^ hash
  }

  /// A stream for a seed and a number, such as an epoch; different ones are unrelated.
  public init(seed: UInt64, stream: UInt64) {
    var mixer = RandomStream(seed: seed)
    var streams = RandomStream(seed: stream ^ 0x6A09_E667_F3BC_C909)
    state = mixer.next() ^ streams.next()
  }

  /// 64 random bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number in `0..<bound`, without bias (Lemire 2019, algorithm 5).
  public mutating func next(below bound: Int) -> Int {
    precondition(bound > 0, "RandomStream: the bound is positive")
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

  /// A number in 0 ..< 1 with 24 random bits.
  public mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

  /// Numbers in -bound ..< bound.
  public mutating func uniform(count: Int, bound: Float) -> [Float] {
    (0..<count).map { _ in (2 * uniform() - 1) * bound }
  }

  /// Normally distributed numbers with mean 0 (Box & Muller 1958).
  public mutating func normal(count: Int, deviation: Float) -> [Float] {
    var values: [Float] = []
    values.reserveCapacity(count + 1)
    while values.count < count {
      // 1 - uniform() is never 0, so the logarithm is finite.
      let radius = (-2 * logarithm(1 - uniform())).squareRoot() * deviation
      let angle = 2 * Float.pi * uniform()
      values.append(radius * cosine(angle))
      values.append(radius * sine(angle))
    }
    return Array(values.prefix(count))
  }
}
