/// A run of memory on a device, the storage of tensors.
///
/// A buffer that a pool handed out goes back to it when the last reference is dropped. A slice is a
/// buffer that keeps its parent alive. Contents are undefined until written.
public final class Buffer {
  /// The size in bytes.
  public let byteCount: Int
  let base: UnsafeMutableRawPointer
  private let owner: Owner

  private enum Owner {
    case pool(BufferPool, block: BufferPool.Block)
    case parent(Buffer)
    case paged(PagedMemory)
  }

  init(block: BufferPool.Block, byteCount: Int, pool: BufferPool) {
    precondition(byteCount <= block.capacity)
    self.byteCount = byteCount
    self.base = block.base
    self.owner = .pool(pool, block: block)
  }

  /// A part of memory in a file.
  init(in memory: PagedMemory, base: UnsafeMutableRawPointer, byteCount: Int) {
    self.byteCount = byteCount
    self.base = base
    self.owner = .paged(memory)
  }

  private init(parent: Buffer, byteOffset: Int, byteCount: Int) {
    self.byteCount = byteCount
    self.base = parent.base + byteOffset
    self.owner = .parent(parent)
  }

  deinit {
    if case .pool(let pool, let block) = owner { pool.recycle(block, of: byteCount) }
  }

  /// Whether the buffer is a part of another one.
  public var isSlice: Bool {
    if case .parent = owner { true } else { false }
  }

  /// The part of the buffer that starts at a byte and has a size; it must lie inside.
  public func slice(byteOffset: Int, byteCount: Int) -> Buffer {
    precondition(
      byteOffset >= 0 && byteCount >= 0 && byteOffset + byteCount <= self.byteCount,
      "slice \(byteOffset)+\(byteCount) of a buffer of \(self.byteCount) bytes")
    return Buffer(parent: self, byteOffset: byteOffset, byteCount: byteCount)
  }

  var f32: UnsafeMutablePointer<Float> { base.assumingMemoryBound(to: Float.self) }
  var i32: UnsafeMutablePointer<Int32> { base.assumingMemoryBound(to: Int32.self) }
  var u8: UnsafeMutablePointer<UInt8> { base.assumingMemoryBound(to: UInt8.self) }
  var u16: UnsafeMutablePointer<UInt16> { base.assumingMemoryBound(to: UInt16.self) }

  /// Checks that the buffer holds at least `count` elements of a type before a kernel touches it.
  @inline(__always)
  func holds<T>(_ count: Int, of type: T.Type) -> Bool {
    count * MemoryLayout<T>.stride <= byteCount
  }

  /// Copies host values into the buffer from an element offset on.
  public func write<T: BitwiseCopyable>(_ values: [T], at offset: Int = 0) {
    precondition(
      holds(offset + values.count, of: T.self),
      "writing \(values.count) values at \(offset) into \(byteCount) bytes")
    values.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      (base + offset * MemoryLayout<T>.stride).copyMemory(from: start, byteCount: source.count)
    }
  }

  /// Copies bytes, such as those of a file, to the start of the buffer.
  public func write(_ bytes: RawSpan) {
    precondition(bytes.byteCount <= byteCount, "\(bytes.byteCount) bytes into \(byteCount)")
    bytes.withUnsafeBytes { source in
      if let start = source.baseAddress { base.copyMemory(from: start, byteCount: source.count) }
    }
  }

  /// The first `count` elements from an offset on, as a host array.
  public func read<T: BitwiseCopyable>(_ type: T.Type, count: Int, at offset: Int = 0) -> [T] {
    precondition(
      holds(offset + count, of: T.self),
      "reading \(count) values at \(offset) of \(byteCount) bytes")
    let start = base.assumingMemoryBound(to: T.self) + offset
    return [T](UnsafeBufferPointer(start: start, count: count))
  }

  /// Calls a closure with the bytes of the buffer; the pointer is valid only inside it.
  public func withBytes<R, E: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try body(UnsafeMutableRawBufferPointer(start: base, count: byteCount))
  }
}
