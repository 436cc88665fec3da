#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Synchronization

/// Memory for buffers, kept for reuse.
///
/// A fresh page costs a fault on first touch, a training step needs the same sizes every time: so
/// blocks are kept by size and handed out again. Blocks of 2 MiB and more come from the system in
/// whole huge pages.
public final class BufferPool: Sendable {
  struct Block: @unchecked Sendable {
    // Proof of sendability: the pointer names memory that only the holder of the block uses.
    let base: UnsafeMutableRawPointer
    let capacity: Int
  }

  private struct State {
    var free: [Int: [Block]] = [:]
    var freeBytes = 0
    var systemBytes = 0
    var usedBytes = 0
    var peakUsedBytes = 0
    var peakSystemBytes = 0

    /// Counts a buffer that was handed out.
    mutating func count(_ byteCount: Int) {
      usedBytes += byteCount
      peakUsedBytes = max(peakUsedBytes, usedBytes)
    }

    /// A free block of a capacity, or of one that is up to a quarter larger.
    mutating func take(_ capacity: Int) -> Block? {
      var fitting = capacity
      while fitting <= capacity + capacity / 4 {
        if let block = free[fitting]?.popLast() {
          freeBytes -= fitting
          return block
        }
        fitting = BufferPool.capacity(for: fitting + 1)
      }
      return nil
    }

    /// Counts a new block, and takes out about as many free bytes to be given back for it: what
    /// the pool holds then follows what was in use at once, not the sum of all sizes ever seen.
    /// Small blocks are not worth it.
    mutating func makeRoom(_ capacity: Int) -> [Block] {
      systemBytes += capacity
      defer { peakSystemBytes = max(peakSystemBytes, systemBytes) }
      guard capacity >= BufferPool.hugePage else { return [] }
      var surplus: [Block] = []
      var freed = 0
      while freed < capacity {
        let sizes = free.filter { !$0.value.isEmpty }.keys
        guard let size = sizes.filter({ $0 >= capacity - freed }).min() ?? sizes.max(),
          let block = free[size]?.popLast()
        else { break }
        freed += size
        surplus.append(block)
      }
      freeBytes -= freed
      systemBytes -= freed
      return surplus
    }
  }

  private let state = Mutex(State())

  /// An empty pool.
  public init() {}

  deinit {
    state.withLock { state in
      for block in state.free.values.joined() { Self.release(block) }
    }
  }

  /// Bytes that the pool holds from the system, in use or free.
  public var systemBytes: Int { state.withLock { $0.systemBytes } }

  /// The most bytes that buffers had at once since the pool was made or the peak was forgotten: what
  /// was asked for, and what the pool held from the system for it.
  public var peak: (used: Int, held: Int) {
    state.withLock { ($0.peakUsedBytes, $0.peakSystemBytes) }
  }

  /// Begins to count the peak anew, from what is in use now.
  public func forgetPeak() {
    state.withLock { state in
      (state.peakUsedBytes, state.peakSystemBytes) = (state.usedBytes, state.systemBytes)
    }
  }

  /// A buffer with room for `byteCount` bytes; its contents are undefined.
  public func buffer(byteCount: Int) -> Buffer {
    let capacity = Self.capacity(for: byteCount)
    let (reused, surplus) = state.withLock { state in
      state.count(byteCount)
      return state.take(capacity).map { ($0, []) } ?? (nil, state.makeRoom(capacity))
    }
    if let block = reused { return Buffer(block: block, byteCount: byteCount, pool: self) }
    for block in surplus { Self.release(block) }
    let block = Self.acquire(capacity)
    return Buffer(block: block, byteCount: byteCount, pool: self)
  }

  /// Gives every free block back to the system.
  public func trim() {
    let blocks = state.withLock { state in
      let blocks = Array(state.free.values.joined())
      state.free = [:]
      state.systemBytes -= state.freeBytes
      state.freeBytes = 0
      return blocks
    }
    for block in blocks { Self.release(block) }
  }

  func recycle(_ block: Block, of byteCount: Int) {
    state.withLock { state in
      state.usedBytes -= byteCount
      state.free[block.capacity, default: []].append(block)
      state.freeBytes += block.capacity
    }
  }

  private static let hugePage = 1 << 21

  /// Sizes are rounded up so that nearly equal requests share blocks: to 256 bytes when small, to
  /// an eighth of the next power of two above 64 KiB, which wastes at most 12.5 %.
  static func capacity(for byteCount: Int) -> Int {
    if byteCount <= 1 << 16 { return max(256, (byteCount + 255) & ~255) }
    let step = 1 << (Int.bitWidth - 1 - (byteCount - 1).leadingZeroBitCount - 3)
    return (byteCount + step - 1) & ~(step - 1)
  }

  private static func acquire(_ capacity: Int) -> Block {
    let base = capacity >= hugePage ? mapped(capacity) : aligned(capacity)
    // Swift itself ends the process when memory runs out; so does this, with the size.
    guard let base else {
      preconditionFailure("out of memory: \(capacity) bytes refused by the system")
    }
    return Block(base: base, capacity: capacity)
  }

  private static func aligned(_ capacity: Int) -> UnsafeMutableRawPointer? {
    var pointer: UnsafeMutableRawPointer?
    return posix_memalign(&pointer, 64, capacity) == 0 ? pointer : nil
  }

  /// Whole pages from the system, so that they go back to it when released; `free` would keep them.
  private static func mapped(_ capacity: Int) -> UnsafeMutableRawPointer? {
    let size = capacity + hugePage
    let flags = MAP_PRIVATE | MAP_ANON
    guard let start = mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0), start != MAP_FAILED
    else { return nil }
    // Huge pages need their alignment; what lies before and after is given back.
    let address = UInt(bitPattern: start)
    let before = Int((UInt(hugePage) - address % UInt(hugePage)) % UInt(hugePage))
    let end = (before + capacity + pageSize - 1) / pageSize * pageSize
    if before > 0 { munmap(start, before) }
    if end < size { munmap(start + end, size - end) }
    #if os(Linux)
      madvise(start + before, capacity, 14 /* MADV_HUGEPAGE */)
    #endif
    return start + before
  }

  private static let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))

  private static func release(_ block: Block) {
    if block.capacity >= hugePage {
      munmap(block.base, (block.capacity + pageSize - 1) / pageSize * pageSize)
    } else {
      free(block.base)
    }
  }
}
