import HalterRandom
import Testing

@testable import HalterBackend

@Suite struct RangeAllocatorTests {
  @Test func neighboursAreJoined() {
    var ranges = RangeAllocator()
    let starts = (0..<4).map { _ in ranges.take(10) }
    #expect(starts == [0, 10, 20, 30] && ranges.end == 40)
    ranges.give(0..<10)
    ranges.give(20..<30)
    #expect(ranges.free == [0..<10, 20..<30])
    ranges.give(10..<20)
    #expect(ranges.free == [0..<30])
    #expect(ranges.take(25) == 0 && ranges.free == [25..<30])
  }

  @Test func theSmallestThatFitsIsTaken() {
    var ranges = RangeAllocator()
    for size in [8, 1, 3, 1, 5, 1] { _ = ranges.take(size) }
    for range in [0..<8, 9..<12, 13..<18] { ranges.give(range) }
    #expect(ranges.take(4) == 13)
    #expect(ranges.take(3) == 9)
    #expect(ranges.take(9) == 19, "nothing holds it")
  }

  @Test func theEndMovesOnlyAsFarAsItMust() {
    var ranges = RangeAllocator()
    _ = ranges.take(4)
    let last = ranges.take(6)
    ranges.give(last..<last + 6)
    #expect(ranges.take(9) == 4 && ranges.end == 13)
    ranges.give(4..<13)
    ranges.shrink()
    #expect(ranges.end == 4 && ranges.free.isEmpty)
  }

  /// Parts never overlap, and everything comes back, whatever is taken and given.
  @Test func partsAreApart() {
    var random = RandomStream(seed: 3, name: "ranges")
    var ranges = RangeAllocator()
    var parts: [Range<Int>] = []
    for _ in 0..<3000 {
      if parts.count > 40 || (!parts.isEmpty && random.next() % 2 == 0) {
        ranges.give(parts.remove(at: Int(random.next() % UInt64(parts.count))))
      } else {
        let size = 1 + Int(random.next() % 100)
        let start = ranges.take(size)
        #expect(parts.allSatisfy { $0.upperBound <= start || $0.lowerBound >= start + size })
        parts.append(start..<start + size)
      }
      let free = ranges.free.reduce(0) { $0 + $1.count }
      #expect(free + parts.reduce(0) { $0 + $1.count } == ranges.end)
    }
    for part in parts { ranges.give(part) }
    ranges.shrink()
    #expect(ranges.end == 0 && ranges.free.isEmpty)
  }
}
