internal import CZlib
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Unpacks a gzip file (RFC 1952) from front to back in little memory.
///
/// A file may consist of several members, as parallel compressors and `cat` make them; their
/// contents follow each other. The checksum of each member is verified. Zero bytes at the end, as
/// tapes leave them, are no part of the content.
public final class GzipReader {
  /// The first two bytes of every gzip file.
  public static let signature: [UInt8] = [0x1F, 0x8B]
  /// The zlib library in use, with its version.
  public static var libraryVersion: String { "zlib \(String(cString: zlibVersion()))" }

  /// Where the content of the file stands: between two members, in one, or at the end.
  private enum Place { case between, inside, end }

  private static let inputSize = 1 << 17

  /// How many bytes of the file have been read.
  public private(set) var bytesRead = 0
  /// How many bytes have been unpacked.
  public private(set) var bytesUnpacked = 0

  private let path: String
  private let descriptor: Int32
  private let stream: UnsafeMutablePointer<z_stream>
  private let input: UnsafeMutableBufferPointer<UInt8>
  private var place = Place.between

  /// Opens a file.
  /// - Throws: `FormatError` when the file is missing or cannot be read.
  public init(_ url: URL) throws(FormatError) {
    path = url.path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FormatError(errno: errno, while: "open the file", path: path)
    }
    input = .allocate(capacity: Self.inputSize)
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard zlib_start_gzip(stream) == Z_OK else {
      throw FormatError(.io, "the zlib library could not start", path: path)
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    input.deallocate()
    close(descriptor)
  }

  /// The next bytes of the content; none at its end.
  /// - Parameter count: at most so many; positive.
  /// - Throws: `FormatError` with code `truncated` or `malformed`, saying how many bytes could be
  ///   unpacked.
  public func read(upTo count: Int) throws(FormatError) -> [UInt8] {
    precondition(count > 0 && count <= Int(UInt32.max), "GzipReader: \(count) bytes")
    var failure: FormatError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      do throws(FormatError) {
        filled = try fill(buffer)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    bytesUnpacked += bytes.count
    return bytes
  }

  /// Unpacks until the buffer is full or the content ends.
  private func fill(
    _ buffer: UnsafeMutableBufferPointer<UInt8>
  ) throws(FormatError) -> Int {
    stream.pointee.next_out = buffer.baseAddress
    stream.pointee.avail_out = UInt32(buffer.count)
    while stream.pointee.avail_out > 0, place != .end {
      if stream.pointee.avail_in == 0 { try refill() }
      switch place {
      case .between: try startMember()
      case .inside: try inflateSome(unpacked: buffer.count - Int(stream.pointee.avail_out))
      case .end: break
      }
    }
    return buffer.count - Int(stream.pointee.avail_out)
  }

  /// Reads a piece of the file; `avail_in` stays 0 at its end.
  private func refill() throws(FormatError) {
    while true {
      #if canImport(Glibc)
        let count = Glibc.read(descriptor, input.baseAddress, input.count)
      #else
        let count = Darwin.read(descriptor, input.baseAddress, input.count)
      #endif
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw FormatError(errno: errno, while: "read the file", path: path)
      }
      bytesRead += count
      stream.pointee.next_in = input.baseAddress
      stream.pointee.avail_in = UInt32(count)
      return
    }
  }

  /// Begins the member at the cursor, or ends the content where there is none.
  private func startMember() throws(FormatError) {
    if stream.pointee.avail_in == 0 {
      guard bytesRead > 0 else {
        throw FormatError(.truncated, "the file is empty: this is no gzip data", path: path)
      }
      place = .end
    } else if bytesRead > Int(stream.pointee.avail_in), stream.pointee.next_in.pointee == 0 {
      try skipPadding()
    } else {
      inflateReset(stream)
      place = .inside
    }
  }

  /// Passes over zero bytes behind a member.
  private func skipPadding() throws(FormatError) {
    while stream.pointee.avail_in > 0 {
      guard stream.pointee.next_in.pointee == 0 else { throw damaged("other bytes follow its end") }
      stream.pointee.next_in += 1
      stream.pointee.avail_in -= 1
      if stream.pointee.avail_in == 0 { try refill() }
    }
  }

  private func inflateSome(unpacked: Int) throws(FormatError) {
    if stream.pointee.avail_in == 0 {
      throw FormatError(
        .truncated,
        "the gzip data ends too early, after \(bytesUnpacked + unpacked) unpacked bytes",
        mend: "The file was cut short: make or fetch it again", path: path, offset: bytesRead)
    }
    let before = stream.pointee.avail_out
    switch inflate(stream, Z_NO_FLUSH) {
    case Z_OK, Z_BUF_ERROR: break
    case Z_STREAM_END: place = .between
    default:
      let reason = stream.pointee.msg.map { String(cString: $0) } ?? "an unknown fault"
      let more = Int(before - stream.pointee.avail_out)
      throw damaged(reason, unpacked: unpacked + more)
    }
  }

  private func damaged(_ reason: String, unpacked: Int = 0) -> FormatError {
    FormatError(
      .malformed,
      "the gzip data is damaged after \(bytesUnpacked + unpacked) unpacked bytes: \(reason)",
      mend: "Make or fetch the file again", path: path,
      offset: bytesRead - Int(stream.pointee.avail_in))
  }
}
