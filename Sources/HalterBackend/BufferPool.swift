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
/// A fresh page costs a fault on first touch, and a training step needs the same sizes every time:
/// so small blocks are kept by size and handed out again, and large ones lie in an arena, where
/// blocks of different sizes use the same memory one after the other.
public final class BufferPool: Sendable {
  struct Block: @unchecked Sendable {
    // Proof of sendability: the pointer names memory that only the holder of the block uses.
    let base: UnsafeMutableRawPointer
    let capacity: Int
  }

  private struct State: ~Copyable {
    var free: [Int: [Block]] = [:]
    var smallBytes = 0
    var arena = Arena()
    var usedBytes = 0
    var peakUsedBytes = 0
    var peakSystemBytes = 0

    var systemBytes: Int { smallBytes + arena.heldBytes }

    /// A block of a capacity; nil if the system refuses the memory.
    mutating func take(_ capacity: Int) -> Block? {
      if capacity < BufferPool.large { return takeSmall(capacity) }
      return arena.take(capacity).map { Block(base: $0, capacity: capacity) }
    }

    /// A free block of a capacity, or of one that is up to a quarter larger, or a new one.
    private mutating func takeSmall(_ capacity: Int) -> Block? {
      var fitting = capacity
      while fitting <= capacity + capacity / 4 {
        if let block = free[fitting]?.popLast() { return block }
        fitting = BufferPool.capacity(for: fitting + 1)
      }
      var pointer: UnsafeMutableRawPointer?
      guard posix_memalign(&pointer, 64, capacity) == 0, let base = pointer else { return nil }
      smallBytes += capacity
      return Block(base: base, capacity: capacity)
    }

    /// Takes a block back.
    mutating func give(_ block: Block) {
      if block.capacity < BufferPool.large {
        free[block.capacity, default: []].append(block)
      } else {
        arena.give(block.base, block.capacity)
      }
    }

    mutating func trim() {
      for block in free.values.joined() {
        smallBytes -= block.capacity
        BufferPool.release(block)
      }
      free = [:]
      arena.trim()
    }
  }

  private let state = Mutex(State())

  /// An empty pool.
  public init() {}

  deinit { state.withLock { $0.trim() } }

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
    let block = state.withLock { state in
      state.usedBytes += byteCount
      state.peakUsedBytes = max(state.peakUsedBytes, state.usedBytes)
      let block = state.take(capacity)
      state.peakSystemBytes = max(state.peakSystemBytes, state.systemBytes)
      return block
    }
    // Swift itself ends the process when memory runs out; so does this, with the size.
    guard let block else {
      preconditionFailure("out of memory: \(capacity) bytes refused by the system")
    }
    return Buffer(block: block, byteCount: byteCount, pool: self)
  }

  /// Gives the memory of every free block back to the system.
  public func trim() { state.withLock { $0.trim() } }

  func recycle(_ block: Block, of byteCount: Int) {
    state.withLock { state in
      state.usedBytes -= byteCount
      state.give(block)
    }
  }

  /// Blocks of this size and more are in the arena.
  static let large = 1 << 19

  /// Sizes are rounded up: small ones so that nearly equal requests share blocks, to 256 bytes or
  /// to an eighth of the next power of two above 64 KiB; those in the arena to whole pages.
  static func capacity(for byteCount: Int) -> Int {
    if byteCount <= 1 << 16 { return max(256, (byteCount + 255) & ~255) }
    if byteCount > large { return (byteCount + Arena.page - 1) / Arena.page * Arena.page }
    let step = 1 << (Int.bitWidth - 1 - (byteCount - 1).leadingZeroBitCount - 3)
    return (byteCount + step - 1) & ~(step - 1)
  }

  private static func release(_ block: Block) { free(block.base) }
}
