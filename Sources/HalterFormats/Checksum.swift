import Crypto
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// SHA-256 sums in lower-case hexadecimal.
public enum Checksum {
  /// The sum of some bytes.
  public static func sha256(of bytes: some Sequence<UInt8>) -> String {
    hexadecimal(SHA256.hash(data: Array(bytes)))
  }

  /// The sum of a file's bytes from `offset` to its end, and how many they are.
  /// - Throws: `FormatError` when the file is missing or cannot be read.
  public static func sha256(
    ofFile url: URL, from offset: Int = 0
  ) throws(FormatError) -> (sum: String, size: Int) {
    let file = try FileChecksum(url, from: offset)
    while try file.advance() {}
    return (file.sum, file.size)
  }

  fileprivate static func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// The SHA-256 of a file, taken piece by piece.
///
/// The file is read and not mapped, so that one that is shortened meanwhile gives another sum and
/// never a crash.
public final class FileChecksum {
  /// How many bytes are read at a time.
  private static let piece = 1 << 20

  /// How many bytes have been read.
  public private(set) var size = 0
  private let path: String
  private let descriptor: Int32
  private let offset: Int
  private let buffer = UnsafeMutableRawBufferPointer.allocate(
    byteCount: FileChecksum.piece, alignment: 16)
  private var hash = SHA256()

  /// Opens a file; its first `offset` bytes do not count.
  /// - Throws: `FormatError` when the file is missing or cannot be opened.
  public init(_ url: URL, from offset: Int = 0) throws(FormatError) {
    path = url.path
    self.offset = offset
    descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FormatError(errno: errno, while: "open the file", path: path)
    }
  }

  deinit {
    buffer.deallocate()
    if descriptor >= 0 { close(descriptor) }
  }

  /// Reads the next piece.
  /// - Returns: false at the end of the file.
  /// - Throws: `FormatError` when the disk refuses.
  public func advance() throws(FormatError) -> Bool {
    while true {
      let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset + size))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw FormatError(errno: errno, while: "read the file", path: path)
      }
      guard count > 0 else { return false }
      hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      size += count
      return true
    }
  }

  /// The sum of all that has been read, in lower-case hexadecimal.
  public var sum: String { Checksum.hexadecimal(hash.finalize()) }
}
