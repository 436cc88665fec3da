import Foundation
import HalterRandom
import Testing

@Suite struct RandomStreamTests {
  /// The first outputs of the reference implementation (Vigna, splitmix64.c) for two seeds.
  @Test func referenceValues() {
    var zero = RandomStream(seed: 0)
    #expect(
      (0..<5).map { _ in zero.next() } == [
        0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F,
        0xF88B_B8A8_724C_81EC, 0x1B39_896A_51A8_749B,
      ])
    var other = RandomStream(seed: 1_234_567)
    #expect(
      (0..<3).map { _ in other.next() } == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      ])
  }

  @Test func aNameGivesAStreamOfItsOwn() {
    func first(_ seed: UInt64, _ name: String) -> UInt64 {
      var stream = RandomStream(seed: seed, name: name)
      return stream.next()
    }
    #expect(first(7, "a") == first(7, "a"))
    #expect(first(7, "a") != first(7, "b"))
    #expect(first(7, "a") != first(8, "a"))
    // FNV-1a of "a" is 0xAF63DC4C8601EC8C; the seed goes in through one step of the generator.
    var mixer = RandomStream(seed: 7)
    var expected = RandomStream(seed: mixer.next() ^ 0xAF63_DC4C_8601_EC8C)
    #expect(first(7, "a") == expected.next())
  }

  @Test func uniformNumbersFillTheUnitInterval() {
    var stream = RandomStream(seed: 3)
    var buckets = [Int](repeating: 0, count: 16)
    for _ in 0..<16_000 {
      let x = stream.uniform()
      #expect(x >= 0 && x < 1)
      buckets[Int(x * 16)] += 1
    }
    // 1000 expected in each, deviation about 31: five of them.
    #expect(buckets.allSatisfy { abs($0 - 1000) < 155 })
  }

  @Test func uniformNumbersAreBounded() {
    var stream = RandomStream(seed: 4)
    let values = stream.uniform(count: 4000, bound: 0.25)
    #expect(values.count == 4000)
    #expect(values.allSatisfy { $0 >= -0.25 && $0 < 0.25 })
    #expect(values.contains { $0 < -0.2 } && values.contains { $0 > 0.2 })
  }

  @Test func normalNumbersHaveTheirMoments() {
    var stream = RandomStream(seed: 5)
    let values = stream.normal(count: 20_000, deviation: 3).map { Double($0) / 3 }
    let n = Double(values.count)
    func moment(_ power: Double) -> Double { values.reduce(0) { $0 + pow($1, power) } / n }
    // Five deviations of the estimates of 0, 1, 0 and 3.
    #expect(abs(moment(1)) < 5 / n.squareRoot())
    #expect(abs(moment(2) - 1) < 5 * (2 / n).squareRoot())
    #expect(abs(moment(3)) < 5 * (15 / n).squareRoot())
    #expect(abs(moment(4) - 3) < 5 * (96 / n).squareRoot())
  }

  @Test(arguments: [0, 1, 2, 7]) func normalGivesAsManyAsAskedFor(count: Int) {
    var stream = RandomStream(seed: 6)
    let values = stream.normal(count: count, deviation: 1)
    #expect(values.count == count && values.allSatisfy(\.isFinite))
  }

  @Test func theSameSeedGivesTheSameNumbers() {
    var (a, b) = (RandomStream(seed: 9), RandomStream(seed: 9))
    #expect(a.normal(count: 10, deviation: 1) == b.normal(count: 10, deviation: 1))
    #expect(Int.random(in: 0..<1000, using: &a) == Int.random(in: 0..<1000, using: &b))
  }

  @Test func aNumberGivesAStreamOfItsOwn() {
    // The seed and the number each go in through one step of a generator of their own.
    var mixer = RandomStream(seed: 42)
    var numbers = RandomStream(seed: 3 ^ 0x6A09_E667_F3BC_C909)
    var expected = RandomStream(seed: mixer.next() ^ numbers.next())
    var stream = RandomStream(seed: 42, stream: 3)
    #expect((0..<4).map { _ in stream.next() } == (0..<4).map { _ in expected.next() })
  }

  @Test func boundedNumbersAreEven() {
    var random = RandomStream(seed: 5)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[random.next(below: 7)] += 1 }
    #expect(counts.allSatisfy { (9_500...10_500).contains($0) })
  }

  @Test func shuffleKeepsTheItems() {
    var random = RandomStream(seed: 5)
    var items = Array(0..<100)
    random.shuffle(&items)
    #expect(items != Array(0..<100))
    #expect(items.sorted() == Array(0..<100))
  }
}
