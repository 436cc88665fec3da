import Foundation
import HalterBackend
import HalterFormats
import HalterHub
import HalterTraining

/// What this machine can do, measured.
public struct Doctor: Sendable, Codable, Equatable {
  /// The processor's instruction sets that Halter has kernels for.
  public var instructionSets: [String]
  /// The one in use.
  public var instructionSet: String
  /// Cores that this process may use.
  public var cores: Int
  /// Threads that kernels run on.
  public var threads: Int
  /// The libraries in use, with their versions.
  public var libraries: [String]
  /// The memory of the machine, in bytes.
  public var memoryBytes: Int
  /// The speed of f32 matrix products on all cores, in GFLOP/s.
  public var gemmGFlops: Double
  /// The speed of products with a frozen bf16 matrix in bf16 on all cores, in GFLOP/s.
  public var bf16GemmGFlops: Double
  /// What `compute: auto` stands for: f32 or bf16.
  public var compute: String
  /// The memory that is free for a run, in bytes.
  public var availableBytes: Int
  /// The speed of reading and writing memory on all cores, in GB/s.
  public var memoryGBPerSecond: Double
  /// Where models are cached.
  public var cache: String

  /// Looks at the machine and measures for about a second.
  public init(in place: Workplace) {
    let info = ProcessInfo.processInfo
    let backend = place.backend(threads: nil)
    instructionSets = InstructionSet.allCases.filter(\.isAvailable).map(\.name)
    instructionSet = backend.instructionSet.name
    cores = info.activeProcessorCount
    threads = backend.threadCount
    libraries = [HDF5Reader.libraryVersion, GzipReader.libraryVersion]
    memoryBytes = Int(info.physicalMemory)
    availableBytes = SystemMemory.available
    gemmGFlops = Self.products(backend)
    bf16GemmGFlops = Self.frozenProducts(place.backend(threads: nil, compute: .bf16))
    compute = place.backend(threads: nil, compute: .auto).compute.rawValue
    memoryGBPerSecond = Self.copies(backend)
    cache = place.models.root.path
  }

  /// The median speed of square products of a size that fits the caches badly, as training does.
  private static func products(_ backend: CPUBackend) -> Double {
    let n = 2048
    let buffers = (0..<3).map { _ in backend.allocate(byteCount: n * n * 4) }
    for buffer in buffers { backend.fill(buffer, count: n * n, with: 0.5) }
    let seconds = median(of: 7) {
      backend.matmul(
        Elements(buffers[0]), transposed: false, Elements(buffers[1]), transposed: true,
        into: Elements(buffers[2]), m: n, n: n, k: n, alpha: 1, accumulate: false, compute: .f32)
    }
    return 2 * Double(n * n * n) / seconds / 1e9
  }

  private static func frozenProducts(_ backend: CPUBackend) -> Double {
    let n = 2048
    let buffers = (0..<2).map { _ in backend.allocate(byteCount: n * n * 4) }
    backend.fillNormal(buffers[0], count: n * n, deviation: 1, seed: 0)
    let values = backend.allocate(byteCount: n * n * 2)
    backend.convertToBF16(buffers[0], into: values, count: n * n)
    let weights = StoredWeights(format: .bf16, rows: n, columns: n, values: values)
    let seconds = median(of: 7) {
      backend.product(
        Elements(buffers[0]), count: n, weights, adding: nil, into: Elements(buffers[1]),
        accumulate: false)
    }
    return 2 * Double(n * n * n) / seconds / 1e9
  }

  private static func copies(_ backend: CPUBackend) -> Double {
    let bytes = 256 << 20
    let (x, y) = (backend.allocate(byteCount: bytes), backend.allocate(byteCount: bytes))
    backend.fill(x, count: bytes / 4, with: 1)
    backend.copy(x, to: y, byteCount: bytes)
    let seconds = median(of: 5) { backend.copy(x, to: y, byteCount: bytes) }
    return 2 * Double(bytes) / seconds / 1e9
  }

  private static func median(of runs: Int, _ body: () -> Void) -> Double {
    body()
    let clock = ContinuousClock()
    let times = (0..<runs).map { _ in
      let duration = clock.measure(body).components
      return Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
    }
    return times.sorted()[runs / 2]
  }
}
