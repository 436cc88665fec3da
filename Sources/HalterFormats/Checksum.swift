import Crypto
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// SHA-256 sums in lower-case hexadecimal.
public enum Checksum {
  /// How many bytes of a file are read at a time.
  private static let piece = 1 << 20

  /// The sum of some bytes.
  public static func sha256(of bytes: some Sequence<UInt8>) -> String {
    hexadecimal(SHA256.hash(data: Array(bytes)))
  }

  /// The sum of a file's bytes from `offset` to its end, and how many they are.
  ///
  /// The file is read and not mapped, so that one that is shortened meanwhile gives another sum and
  /// never a crash.
  /// - Parameter progress: called after each piece with the number of bytes in it.
  /// - Throws: `FormatError` when the file is missing or cannot be read.
  public static func sha256(
    ofFile url: URL, from offset: Int = 0, progress: (Int) -> Void = { _ in }
  ) throws(FormatError) -> (sum: String, size: Int) {
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FormatError(errno: errno, while: "open the file", path: url.path)
    }
    defer { close(descriptor) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 16)
    defer { buffer.deallocate() }
    var hash = SHA256()
    var size = 0
    while true {
      let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset + size))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw FormatError(errno: errno, while: "read the file", path: url.path)
      }
      if count == 0 { return (hexadecimal(hash.finalize()), size) }
      hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      size += count
      progress(count)
    }
  }

  private static func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
