import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that is being written, front to back, through a buffer.
///
/// It is handed to the closure of `AtomicWrite.stream`, which owns the descriptor; it is of no use
/// after that closure returned.
public final class OutputFile {
  /// Bytes written so far.
  public private(set) var position = 0
  /// The name the file will have; errors name it rather than the temporary one.
  let path: String
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private static let bufferSize = 1 << 18

  init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
    buffer.reserveCapacity(OutputFile.bufferSize)
  }

  /// Appends bytes.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    position += bytes.count
    if buffer.count + bytes.count <= OutputFile.bufferSize {
      buffer.append(contentsOf: bytes)
      return
    }
    try flush()
    if bytes.count >= OutputFile.bufferSize {
      try writeThrough(bytes)
    } else {
      buffer.append(contentsOf: bytes)
    }
  }

  /// Appends bytes.
  public func write(_ bytes: [UInt8]) throws(FormatError) {
    try write(bytes.span.bytes)
  }

  /// Appends bytes.
  public func write(_ bytes: RawSpan) throws(FormatError) {
    try bytes.withUnsafeBytes { (raw: UnsafeRawBufferPointer) throws(FormatError) in
      try write(raw)
    }
  }

  /// Appends bytes.
  public func write(_ data: Data) throws(FormatError) {
    try write(data.bytes)
  }

  /// Appends numbers in the byte order of this machine, which is little-endian on every platform
  /// the package supports.
  public func write<T: BitwiseCopyable>(numbers: [T]) throws(FormatError) {
    try write(numbers.span.bytes)
  }

  /// Appends `count` zero bytes.
  func pad(_ count: Int) throws(FormatError) {
    try write([UInt8](repeating: 0, count: count))
  }

  /// Hands the buffer to the operating system.
  func flush() throws(FormatError) {
    guard !buffer.isEmpty else { return }
    let pending = buffer
    buffer = []
    buffer.reserveCapacity(OutputFile.bufferSize)
    try pending.span.bytes.withUnsafeBytes { (raw: UnsafeRawBufferPointer) throws(FormatError) in
      try writeThrough(raw)
    }
  }

  private func writeThrough(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    var rest = bytes
    while !rest.isEmpty {
      // One call transfers at most 2 GiB on Linux.
      #if canImport(Glibc)
        let written = Glibc.write(descriptor, rest.baseAddress, min(rest.count, 1 << 30))
      #else
        let written = Darwin.write(descriptor, rest.baseAddress, min(rest.count, 1 << 30))
      #endif
      if written < 0 {
        if errno == EINTR { continue }
        throw FormatError(errno: errno, while: "write", path: path)
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }
}
