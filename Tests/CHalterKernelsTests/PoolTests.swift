import CHalterKernels
import Dispatch
import Foundation
import Synchronization
import Testing

/// A pool that a test's closures run on. Safe to share: hk_pool_run may be called on any thread.
private final class Pool: @unchecked Sendable {
  private struct Body {
    let run: @Sendable (Int) -> Void
  }

  private let pool: OpaquePointer

  init(threads: Int) throws { pool = try #require(hk_pool_create(threads)) }

  deinit { hk_pool_destroy(pool) }

  var threads: Int { hk_pool_threads(pool) }

  func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    var context = Body(run: body)
    withUnsafeMutablePointer(to: &context) { pointer in
      hk_pool_run(
        pool, count,
        { context, index in
          context?.assumingMemoryBound(to: Body.self).pointee.run(index)
        }, pointer)
    }
  }
}

/// How often each index was run.
private final class Tally: Sendable {
  private let counts: Mutex<[Int]>

  init(_ count: Int) { counts = Mutex(Array(repeating: 0, count: count)) }

  func add(_ index: Int) { counts.withLock { $0[index] += 1 } }

  var all: [Int] { counts.withLock { $0 } }
}

private func sleepMilliseconds(_ milliseconds: Double) {
  Thread.sleep(forTimeInterval: milliseconds / 1000)
}

/// Which thread is running.
private func currentThread() -> ObjectIdentifier { ObjectIdentifier(Thread.current) }

@Suite struct PoolTests {
  @Test(arguments: 1...8, [0, 1, 2, 3, 7, 1000])
  func everyIndexRunsOnce(_ threads: Int, _ count: Int) throws {
    let pool = try Pool(threads: threads)
    let tally = Tally(count)
    pool.run(count) { tally.add($0) }
    #expect(tally.all == Array(repeating: 1, count: count))
  }

  @Test(arguments: 1...8)
  func hasTheThreadsAskedFor(_ threads: Int) throws {
    #expect(try Pool(threads: threads).threads == threads)
  }

  @Test func noThreadsMeansTheCallerAlone() throws {
    let pool = try Pool(threads: 0)
    let tally = Tally(5)
    pool.run(5) { tally.add($0) }
    #expect(pool.threads == 1)
    #expect(tally.all == [1, 1, 1, 1, 1])
  }

  @Test(arguments: [1, 2, 3, 8])
  func manyLoopsInARow(_ threads: Int) throws {
    let pool = try Pool(threads: threads)
    let tally = Tally(5)
    for _ in 0..<5000 { pool.run(5) { tally.add($0) } }
    #expect(tally.all == Array(repeating: 5000, count: 5))
  }

  @Test func allWritesAreVisibleAfterTheLoop() throws {
    let pool = try Pool(threads: 4)
    let n = 64
    let sums = UnsafeMutableBufferPointer<Int>.allocate(capacity: n)
    defer { sums.deallocate() }
    nonisolated(unsafe) let slots = sums
    for round in 0..<2000 {
      pool.run(n) { slots[$0] = round + $0 }
      #expect(sums.reduce(0, +) == round * n + n * (n - 1) / 2)
    }
  }

  @Test func oneThreadRunsInOrder() throws {
    let pool = try Pool(threads: 1)
    let order = Mutex<[Int]>([])
    pool.run(20) { index in order.withLock { $0.append(index) } }
    #expect(order.withLock { $0 } == Array(0..<20))
  }

  @Test func tasksAreHandedOutInOrder() throws {
    let pool = try Pool(threads: 2)
    let order = Mutex<[Int]>([])
    pool.run(200) { index in order.withLock { $0.append(index) } }
    // Two threads: a task can be late by the ones that the other thread ran meanwhile, but what
    // one thread takes rises, so the sequence is a merge of two rising ones.
    var (first, second) = (-1, -1)
    for index in order.withLock({ $0 }) {
      if index > max(first, second) {
        (first, second) = (min(first, second), index)
      } else {
        #expect(index > min(first, second))
        first = index
      }
    }
  }

  @Test(arguments: [1, 2, 4])
  func nestedLoopsRunInside(_ threads: Int) throws {
    let pool = try Pool(threads: threads)
    let tally = Tally(8 * 9)
    pool.run(8) { outer in pool.run(9) { tally.add(outer * 9 + $0) } }
    #expect(tally.all == Array(repeating: 1, count: 72))
  }

  @Test func aLoopOnAnotherPoolInsideATaskRunsInside() throws {
    let (outer, inner) = (try Pool(threads: 2), try Pool(threads: 2))
    let tally = Tally(12)
    outer.run(3) { row in inner.run(4) { tally.add(row * 4 + $0) } }
    #expect(tally.all == Array(repeating: 1, count: 12))
  }

  @Test(arguments: [1, 2, 4])
  func concurrentCallersTakeTurns(_ threads: Int) throws {
    let pool = try Pool(threads: threads)
    let tally = Tally(4)
    let running = Mutex<[Int: Int]>([:])
    let mixed = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 4) { caller in
      for _ in 0..<200 {
        pool.run(5) { _ in
          running.withLock { $0[caller, default: 0] += 1 }
          tally.add(caller)
          running.withLock { now in
            if now.contains(where: { $0.key != caller && $0.value > 0 }) {
              mixed.add(1, ordering: .relaxed)
            }
            now[caller, default: 0] -= 1
          }
        }
      }
    }
    #expect(tally.all == Array(repeating: 1000, count: 4))
    #expect(mixed.load(ordering: .relaxed) == 0)
  }

  @Test func workersWakeAfterSleep() throws {
    let pool = try Pool(threads: 3)
    for _ in 0..<20 {
      let tally = Tally(30)
      sleepMilliseconds(2)
      pool.run(30) { tally.add($0) }
      #expect(tally.all == Array(repeating: 1, count: 30))
    }
  }

  /// Tasks wait for one another, which only works when both threads take part.
  @Test func workersTakePart() throws {
    let pool = try Pool(threads: 2)
    let arrived = Atomic(0)
    pool.run(2) { _ in
      arrived.add(1, ordering: .sequentiallyConsistent)
      while arrived.load(ordering: .sequentiallyConsistent) < 2 { sleepMilliseconds(0) }
    }
    #expect(arrived.load(ordering: .relaxed) == 2)
  }

  /// The worker is in its task for much longer than the caller spins.
  @Test func theCallerSleepsThroughALongTask() throws {
    let pool = try Pool(threads: 2)
    for _ in 0..<3 {
      let caller = currentThread()
      let started = Atomic(false)
      let finished = Atomic(false)
      pool.run(2) { _ in
        if currentThread() == caller {
          while !started.load(ordering: .acquiring) { sleepMilliseconds(0) }
        } else {
          started.store(true, ordering: .releasing)
          sleepMilliseconds(20)
          finished.store(true, ordering: .releasing)
        }
      }
      let waited = finished.load(ordering: .acquiring)
      #expect(waited)
    }
  }

  @Test func poolsComeAndGo() throws {
    for round in 0..<100 {
      let pool = try Pool(threads: 1 + round % 5)
      let tally = Tally(3)
      if round % 2 == 0 { pool.run(3) { tally.add($0) } }
      #expect(tally.all == Array(repeating: round % 2 == 0 ? 1 : 0, count: 3))
    }
  }

  @Test func destroyingNothingIsAllowed() {
    hk_pool_destroy(nil)
  }
}
