#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Large blocks in one range of addresses, in huge pages where the system has them.
///
/// Addresses are reserved once, for more than the memory of the machine; memory is taken as blocks
/// reach further, and kept for the blocks after them until `trim`.
struct Arena: ~Copyable {
  private var ranges = RangeAllocator()
  private var base: UnsafeMutableRawPointer?
  private var reserved = 0

  /// Bytes from the start that may be touched.
  private var open = 0
  /// Bytes from the start that blocks have reached since the last trim.
  private var touched = 0
  /// Free bytes that the last trim gave back and that no block has taken since, at most.
  private var discarded = 0

  deinit {
    if let base { munmap(base, reserved) }
  }

  /// Bytes of memory that the arena holds.
  var heldBytes: Int { touched - discarded }

  /// A block of a size, a multiple of `page`; nil if the system refuses the memory.
  mutating func take(_ size: Int) -> UnsafeMutableRawPointer? {
    if base == nil { reserve() }
    guard let base else { return nil }
    let start = ranges.take(size)
    if ranges.end > open {
      let wanted = (ranges.end + Self.step - 1) / Self.step * Self.step
      guard wanted <= reserved,
        mprotect(base + open, wanted - open, PROT_READ | PROT_WRITE) == 0
      else { return nil }
      #if os(Linux)
        madvise(base + open, wanted - open, 14 /* MADV_HUGEPAGE */)
      #endif
      open = wanted
    }
    touched = max(touched, ranges.end)
    discarded = max(0, discarded - size)
    return base + start
  }

  private mutating func reserve() {
    let memory = Int(sysconf(Int32(_SC_PHYS_PAGES))) * Self.page
    var size = (memory * 3 / 2 + (4 << 30)) / Self.step * Self.step
    // A limit on addresses leaves less.
    while base == nil && size >= Self.step {
      let start = mmap(nil, size, PROT_NONE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0)
      if let start, start != MAP_FAILED {
        (base, reserved) = (start, size)
      } else {
        size = size / 2 / Self.step * Self.step
      }
    }
  }

  /// Takes a block of a size back.
  mutating func give(_ block: UnsafeMutableRawPointer, _ size: Int) {
    guard let base else { return }
    let start = block - base
    ranges.give(start..<start + size)
  }

  /// Returns the memory of what is free to the system.
  mutating func trim() {
    guard let base else { return }
    ranges.shrink()
    for range in ranges.free + [ranges.end..<max(ranges.end, touched)] where !range.isEmpty {
      madvise(base + range.lowerBound, range.count, MADV_DONTNEED)
    }
    touched = ranges.end
    discarded = ranges.free.reduce(0) { $0 + $1.count }
  }

  /// The size of a page in bytes.
  static let page = Int(sysconf(Int32(_SC_PAGESIZE)))
  private static let step = 64 << 20
}
