#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import Synchronization

/// Memory that cannot be had from a disk.
public struct PagedMemoryError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Why.
  public enum Cause: Sendable {
    /// The disk, the quota or the largest file allowed is too small.
    case noSpace
    /// The directory is missing, or may not be written.
    case notWritable
    /// The system refused for another reason.
    case refused
  }

  /// Why.
  public let cause: Cause
  /// Finding, place and mend.
  public let description: String

  init(_ directory: String, byteCount: Int, errno number: Int32, while doing: String) {
    let megabytes = (byteCount + 999_999) / 1_000_000
    let head = "\(directory): cannot \(doing) a file of \(megabytes) MB for paged memory: "
    switch number {
    case ENOSPC, EDQUOT, EFBIG:
      cause = .noSpace
      description =
        head + "the disk, the quota or the file size limit is full. Free some space, or choose a "
        + "directory on another disk."
    case ENOENT, ENOTDIR, EACCES, EPERM, EROFS:
      cause = .notWritable
      description =
        head + String(cString: strerror(number)).lowercased()
        + ". Choose a directory that can be written."
    default:
      cause = .refused
      description = head + String(cString: strerror(number)).lowercased() + "."
    }
  }
}

/// Memory that lies in a file instead of the swap space, so that there may be more of it than the
/// machine has: regions of zeros, mapped, of which only those in use need to be resident.
///
/// The file has no name from the moment that it is made, so it goes away with the process, however
/// that ends. All of it is allocated beforehand: a disk that is full is an error when the memory is
/// made, and never a signal when it is touched.
public final class PagedMemory {
  /// The size of the file in bytes.
  public let byteCount: Int
  private let base: UnsafeMutableRawPointer
  private let ranges: [Range<Int>]
  /// How many were made, for names that differ.
  private static let made = Atomic(0)

  /// Regions of zeros in one file.
  /// - Parameters:
  ///   - directory: where the file is made; one in main memory, as `/tmp` may be, saves nothing.
  ///   - sizes: the sizes of the regions in bytes.
  /// - Throws: `PagedMemoryError` if the file cannot be made or does not fit.
  public init(directory: String, sizes: [Int]) throws(PagedMemoryError) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    var ranges: [Range<Int>] = []
    var end = 0
    for size in sizes {
      ranges.append(end..<end + size)
      end += (size + page - 1) / page * page
    }
    let total = max(end, page)
    func check(_ status: Int32, _ doing: String) throws(PagedMemoryError) {
      if status == 0 { return }
      throw PagedMemoryError(directory, byteCount: total, errno: status, while: doing)
    }
    // The name of something unfinished, should the process be killed before it is taken away.
    let path =
      "\(directory)/.paged.partial-\(getpid())-\(Self.made.add(1, ordering: .relaxed).newValue)"
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    try check(descriptor < 0 ? errno : 0, "make")
    defer { close(descriptor) }
    try check(unlink(path) == 0 ? 0 : errno, "make")
    try check(Self.preallocate(descriptor, total), "allocate")
    let address = mmap(nil, total, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let address, address != MAP_FAILED else {
      throw PagedMemoryError(directory, byteCount: total, errno: errno, while: "map")
    }
    byteCount = total
    base = address
    self.ranges = ranges
  }

  deinit { munmap(base, byteCount) }

  /// How many regions there are.
  public var regionCount: Int { ranges.count }

  /// A region as a buffer, which keeps the memory alive.
  public func region(_ index: Int) -> Buffer {
    Buffer(in: self, base: base + ranges[index].lowerBound, byteCount: ranges[index].count)
  }

  /// Lets the system write a region to the file and forget it; touching it reads it again.
  public func release(_ index: Int) {
    // The mapping is shared, so what was written stays in the file's pages.
    advise(index, MADV_DONTNEED)
  }

  /// Begins to read a region from the file, if it is not in memory.
  public func prefetch(_ index: Int) { advise(index, MADV_WILLNEED) }

  private func advise(_ index: Int, _ advice: some BinaryInteger) {
    let range = ranges[index]
    if !range.isEmpty { madvise(base + range.lowerBound, range.count, Int32(advice)) }
  }

  /// Gives a file all of its blocks, and its size.
  /// - Returns: 0, or why not.
  private static func preallocate(_ descriptor: Int32, _ byteCount: Int) -> Int32 {
    #if canImport(Darwin)
      var store = fstore_t(
        fst_flags: UInt32(F_ALLOCATEALL), fst_posmode: F_PEOFPOSMODE, fst_offset: 0,
        fst_length: off_t(byteCount), fst_bytesalloc: 0)
      guard fcntl(descriptor, F_PREALLOCATE, &store) != -1 else { return errno }
      return ftruncate(descriptor, off_t(byteCount)) == 0 ? 0 : errno
    #else
      var status: Int32
      repeat {
        status = posix_fallocate(descriptor, 0, off_t(byteCount))
      } while status == EINTR
      return status
    #endif
  }
}
