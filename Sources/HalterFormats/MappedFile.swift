import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The bytes of a file, mapped read-only into memory.
///
/// A file that another process shortens while it is mapped cannot be guarded against: touching
/// the lost pages ends the process (SIGBUS). Files written by this module are replaced as a whole
/// by a rename, which leaves an existing mapping intact.
///
/// `@unchecked Sendable`: the address and the length never change after `init`, the pages are
/// mapped read-only, and the mapping is only undone in `deinit`, when no reference is left.
public final class MappedFile: @unchecked Sendable {
  /// The file that was mapped.
  public let url: URL
  /// Its length in bytes at the time of mapping.
  public let size: Int
  private let base: UnsafeMutableRawPointer?

  /// Maps a regular file. An empty file is fine and has no bytes.
  /// - Throws: `FormatError` when the file is missing, unreadable, or not a regular file.
  public init(_ url: URL) throws(FormatError) {
    let path = url.path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FormatError(errno: errno, while: "open the file", path: path)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw FormatError(errno: errno, while: "examine the file", path: path)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FormatError(
        .malformed, "this is not a regular file",
        mend: "Give the path of a file, not of a directory or device", path: path)
    }
    self.url = url
    size = Int(status.st_size)
    guard size > 0 else {
      base = nil
      return
    }
    guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0),
      address != MAP_FAILED
    else {
      throw FormatError(errno: errno, while: "map the file", path: path)
    }
    base = address
  }

  deinit {
    if let base { munmap(base, size) }
  }

  /// Hands all bytes to `body`; the pointer is valid only inside it.
  public func withBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try withExtendedLifetime(self) { () throws(E) -> R in
      try body(UnsafeRawBufferPointer(start: base, count: size))
    }
  }

  /// Hands the bytes of `range` to `body`; the range must lie within the file.
  public func withBytes<R, E: Error>(
    in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= size, "MappedFile: \(range) of \(size) bytes")
    return try withBytes { (bytes: UnsafeRawBufferPointer) throws(E) -> R in
      try body(UnsafeRawBufferPointer(rebasing: bytes[range]))
    }
  }

  /// Lets the kernel drop the pages that lie wholly inside `range`. They are read again from the
  /// file when touched, so this changes memory use and never what is read.
  public func release(_ range: Range<Int>) {
    guard let base else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let clamped = range.clamped(to: 0..<size)
    let first = (clamped.lowerBound + page - 1) / page * page
    // The last page of the file may be released whole: nothing follows it.
    let last = clamped.upperBound == size ? size : clamped.upperBound / page * page
    guard last > first else { return }
    madvise(base + first, last - first, Int32(MADV_DONTNEED))
  }
}
