internal import CHalterKernels

/// The CPU: SIMD kernels for the best instruction set at hand, on one thread pool.
public final class CPUBackend: Backend {
  let kernels: UnsafePointer<hk_kernels>
  let threads: ThreadPool
  /// The memory of buffers.
  public let pool = BufferPool()
  /// The instruction set in use.
  public let instructionSet: InstructionSet
  /// What products with frozen weights compute with.
  public let compute: ComputeType

  /// Elements that one task of an elementwise loop works on.
  static let grain = 1 << 15

  /// A CPU device.
  /// - Parameters:
  ///   - threads: how many threads loops run on, at least 1.
  ///   - instructionSet: the kernels to use; the best available when nil. One that this CPU lacks
  ///     is replaced by the best.
  ///   - compute: what products with frozen weights compute with.
  public init(
    threads: Int, instructionSet: InstructionSet? = nil, compute: ComputeType = .f32
  ) {
    let wanted = instructionSet.flatMap { $0.isAvailable ? $0 : nil } ?? .best
    guard let table = hk_kernels_for(wanted.code) else {
      preconditionFailure("the portable kernels are always there")
    }
    self.instructionSet = wanted
    self.compute = compute
    self.kernels = table
    self.threads = ThreadPool(threads: threads)
  }

  public var summary: String {
    "CPU, \(instructionSet.name), \(threads.threads) thread\(threads.threads == 1 ? "" : "s")"
  }

  public var heldBytes: Int { pool.systemBytes }

  /// The number of threads that loops run on.
  public var threadCount: Int { threads.threads }

  public func allocate(byteCount: Int) -> Buffer { pool.buffer(byteCount: byteCount) }

  public func trim() { pool.trim() }
}
