import Foundation
import Synchronization
import Testing

@testable import HalterData

@Suite struct OrderedWorkTests {
  /// Hands out the numbers below a limit, and counts those that were handed out.
  private final class Numbers: Sendable {
    let taken = Mutex(0)
    let limit: Int

    init(_ limit: Int) { self.limit = limit }

    func next() -> Int? {
      taken.withLock { taken in
        guard taken < limit else { return nil }
        taken += 1
        return taken - 1
      }
    }
  }

  /// Work whose time has nothing to do with its place.
  private static func square(_ number: Int) -> Int {
    usleep(UInt32(number * 7919 % 13) * 20)
    return number * number
  }

  @Test(arguments: [1, 2, 5], [0, 1, 7, 300])
  func resultsComeInOrder(threads: Int, jobs: Int) throws {
    let numbers = Numbers(jobs)
    var results: [Int] = []
    try OrderedWork.run(
      threads: threads, next: { numbers.next() }, work: { Self.square($0) },
      consume: { results.append($0) })
    #expect(results == (0..<jobs).map { $0 * $0 })
  }

  @Test(arguments: [1, 3]) func anErrorEndsTheWork(threads: Int) throws {
    struct Stop: Error {}
    let numbers = Numbers(100_000)
    var results: [Int] = []
    #expect(throws: Stop.self) {
      try OrderedWork.run(
        threads: threads, next: { numbers.next() }, work: { Self.square($0) },
        consume: { result in
          if results.count == 10 { throw Stop() }
          results.append(result)
        })
    }
    #expect(results == (0..<10).map { $0 * $0 })
    // No more were taken than may be on their way.
    #expect(numbers.taken.withLock { $0 } <= 11 + threads * 4)
  }

  @Test func aSlowConsumerHoldsTheWorkBack() throws {
    let numbers = Numbers(60)
    var count = 0
    try OrderedWork.run(
      threads: 2, next: { numbers.next() }, work: { $0 },
      consume: { _ in
        usleep(500)
        #expect(numbers.taken.withLock { $0 } <= count + 8)
        count += 1
      })
    #expect(count == 60)
  }
}
