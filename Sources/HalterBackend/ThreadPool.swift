internal import CHalterKernels

/// The threads that kernels run on.
final class ThreadPool {
  let pool: OpaquePointer

  /// A pool that runs loops on `threads` threads in all.
  init(threads: Int) {
    guard let pool = hk_pool_create(max(1, threads)) ?? hk_pool_create(1) else {
      preconditionFailure("out of memory: no thread pool")
    }
    self.pool = pool
  }

  deinit { hk_pool_destroy(pool) }

  /// The number of threads, the caller's included.
  var threads: Int { hk_pool_threads(pool) }

  /// Runs body(0) … body(count - 1), each once, and returns when all are done. Bodies run at the
  /// same time, so each must write memory of its own.
  func run(_ count: Int, _ body: (Int) -> Void) {
    if count == 1 { return body(0) }
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: body) { context in
        hk_pool_run(
          pool, count,
          { context, index in
            context?.assumingMemoryBound(to: ((Int) -> Void).self).pointee(index)
          }, UnsafeMutableRawPointer(mutating: context))
      }
    }
  }

  /// Splits 0 ..< count into ranges of `grain` and runs them. The split depends on the arguments
  /// alone, so that sums made range by range do not depend on the number of threads.
  func ranges(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    let grain = max(1, grain)
    if count <= grain { return count > 0 ? body(0..<count) : () }
    run((count + grain - 1) / grain) { index in
      body(index * grain..<min(count, (index + 1) * grain))
    }
  }
}
