import HalterBackend
import Testing

/// Random weights: their distribution, and what they follow from.
@Suite struct RandomNumberTests {
  private func numbers(
    _ count: Int, seed: UInt64, first: Int = 0, threads: Int = 1
  ) -> [Float] {
    let backend = CPUBackend(threads: threads)
    let buffer = backend.allocate(byteCount: count * 4)
    backend.fillNormal(buffer, count: count, deviation: 0.5, seed: seed, first: first)
    return buffer.read(Float.self, count: count)
  }

  @Test func theyAreNormal() {
    let values = numbers(1_000_000, seed: 1).map { Double($0) }
    let mean = values.reduce(0, +) / 1e6
    #expect(abs(mean) < 0.002)
    let moments = [2.0, 3.0, 4.0].map { power in
      values.reduce(0) {
        $0 + (power == 3 ? $1 * $1 * $1 : power == 2 ? $1 * $1 : $1 * $1 * $1 * $1)
      }
        / 1e6
    }
    #expect(abs(moments[0] - 0.25) < 0.002)
    #expect(abs(moments[1]) < 0.002)
    #expect(abs(moments[2] - 3 * 0.0625) < 0.003)
    // A normal number is within one deviation in 68.27 % of all cases, within two in 95.45 %.
    let within = [0.5, 1.0].map { limit in Double(values.filter { abs($0) < limit }.count) / 1e6 }
    #expect(abs(within[0] - 0.6827) < 0.002 && abs(within[1] - 0.9545) < 0.001)
    // Neighbours, which come from one word, have nothing to do with each other.
    let product = zip(values, values.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 } / 1e6
    #expect(abs(product) < 0.001)
  }

  @Test func theyFollowFromSeedAndPlaceAlone() {
    let whole = numbers(100_001, seed: 7)
    #expect(numbers(100_001, seed: 7, threads: 3) == whole)
    #expect(numbers(5001, seed: 7, first: 4096) == Array(whole[4096..<9097]))
    #expect(numbers(100, seed: 8) != Array(whole[0..<100]))
  }
}
