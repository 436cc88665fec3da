import Dispatch
import Foundation
import Synchronization

/// Does jobs on several threads and hands their results over in the order of the jobs, however long
/// each takes. Only so many jobs are on their way at a time, so that memory stays bounded whichever
/// side is slower.
final class OrderedWork<Job: Sendable, Output: Sendable>: Sendable {
  /// A place that one result at a time waits in.
  private final class Place: Sendable {
    private let output = Mutex<Output?>(nil)
    private let arrived = DispatchSemaphore(value: 0)

    /// Nil says that there are no more.
    func put(_ output: Output?) {
      self.output.withLock { $0 = output }
      arrived.signal()
    }

    func take() -> Output? {
      arrived.wait()
      return output.withLock { output in
        defer { output = nil }
        return output
      }
    }
  }

  /// Jobs on their way for each thread.
  private static var jobsPerThread: Int { 4 }

  private let places: [Place]
  private let permits = DispatchSemaphore(value: 0)
  private let leavers = DispatchSemaphore(value: 0)
  /// How many jobs were taken; nil when no more are to be.
  private let taken = Mutex<Int?>(0)

  private init(threads: Int) {
    places = (0..<threads * Self.jobsPerThread).map { _ in Place() }
    for _ in places { permits.signal() }
  }

  /// Works until there are no more jobs, or an error is thrown; all threads have ended then.
  /// - Parameters:
  ///   - threads: how many threads work, besides the one that calls.
  ///   - next: the next job; called by one thread at a time.
  ///   - work: does a job.
  ///   - consume: takes the results in order, on the calling thread.
  /// - Throws: what `consume` throws.
  static func run(
    threads: Int, next: @escaping @Sendable () -> Job?,
    work: @escaping @Sendable (Job) -> Output, consume: (Output) throws -> Void
  ) throws {
    precondition(threads > 0, "OrderedWork: \(threads) threads")
    let shared = OrderedWork(threads: threads)
    for _ in 0..<threads {
      let thread = Thread {
        while let (number, job) = shared.take(next) { shared.place(number).put(work(job)) }
        shared.leavers.signal()
      }
      // As much as the main thread has: what a row needs must not depend on where it is read.
      thread.stackSize = 8 << 20
      thread.start()
    }
    defer {
      shared.taken.withLock { $0 = nil }
      shared.permits.signal()
      for _ in 0..<threads { shared.leavers.wait() }
    }
    var number = 0
    while let output = shared.place(number).take() {
      try consume(output)
      shared.permits.signal()
      number += 1
    }
  }

  private func place(_ number: Int) -> Place { places[number % places.count] }

  /// Waits for a permit and takes the next job with its number; nil when there are no more.
  private func take(_ next: () -> Job?) -> (number: Int, job: Job)? {
    permits.wait()
    let job = taken.withLock { taken -> (Int, Job)? in
      guard let number = taken else { return nil }
      guard let job = next() else {
        taken = nil
        place(number).put(nil)
        return nil
      }
      taken = number + 1
      return (number, job)
    }
    // The next one that waits sees the end, too.
    if job == nil { permits.signal() }
    return job
  }
}
