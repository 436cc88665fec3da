internal import CHalterKernels
internal import COpenBLAS

/// The CPU: SIMD kernels for the best instruction set at hand, OpenBLAS for f32 products, one
/// thread pool for both.
public final class CPUBackend: Backend {
  let kernels: UnsafePointer<hk_kernels>
  let threads: ThreadPool
  let pool = BufferPool()
  /// The instruction set in use.
  public let instructionSet: InstructionSet

  /// Elements that one task of an elementwise loop works on.
  static let grain = 1 << 15

  /// A CPU device.
  /// - Parameters:
  ///   - threads: how many threads loops run on, at least 1.
  ///   - instructionSet: the kernels to use; the best available when nil. One that this CPU lacks
  ///     is replaced by the best.
  public init(threads: Int, instructionSet: InstructionSet? = nil) {
    let wanted = instructionSet.flatMap { $0.isAvailable ? $0 : nil } ?? .best
    guard let table = hk_kernels_for(hk_isa(UInt32(wanted.rawValue))) else {
      preconditionFailure("the portable kernels are always there")
    }
    self.instructionSet = wanted
    self.kernels = table
    self.threads = ThreadPool(threads: threads)
    // Products are split over this pool's threads, so OpenBLAS itself must not start others.
    openblas_set_num_threads(1)
  }

  public var summary: String {
    "CPU, \(instructionSet.name), \(threads.threads) thread\(threads.threads == 1 ? "" : "s")"
  }

  public var heldBytes: Int { pool.systemBytes }

  /// The number of threads that loops run on.
  public var threadCount: Int { threads.threads }

  /// The library behind f32 products, with its version.
  public var productLibrary: String { String(cString: openblas_get_config()) }

  public func allocate(byteCount: Int) -> Buffer { pool.buffer(byteCount: byteCount) }

  public func trim() { pool.trim() }
}

/// Sets of SIMD instructions that kernels are built for.
public enum InstructionSet: Int, Sendable, CaseIterable {
  /// The baseline of the architecture.
  case portable = 0
  /// AVX2, FMA and F16C.
  case avx2 = 1
  /// AVX-512 F, BW, DQ and VL.
  case avx512 = 2

  /// The name as users write it.
  public var name: String {
    switch self {
    case .portable: "portable"
    case .avx2: "avx2"
    case .avx512: "avx512"
    }
  }

  /// Whether this CPU has it.
  public var isAvailable: Bool { hk_isa_available(hk_isa(UInt32(rawValue))) }

  /// The best that this CPU has.
  public static var best: InstructionSet {
    InstructionSet(rawValue: Int(hk_best_isa().rawValue)) ?? .portable
  }
}
