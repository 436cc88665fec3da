/// Reads little-endian values one after another, never past the end.
struct ByteCursor {
  let bytes: UnsafeRawBufferPointer
  let path: String
  private(set) var offset = 0

  init(_ bytes: UnsafeRawBufferPointer, path: String) {
    self.bytes = bytes
    self.path = path
  }

  var remaining: Int { bytes.count - offset }

  func truncated(_ what: String) -> FormatError {
    FormatError(
      .truncated, "the file ends inside \(what)",
      mend: "The download was probably cut short; fetch the file again", path: path, offset: offset)
  }

  func malformed(_ message: String) -> FormatError {
    FormatError(
      .malformed, message, mend: "The file is damaged; fetch it again", path: path, offset: offset)
  }

  mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(
    _ what: @autoclosure () -> String
  ) throws(FormatError) -> T {
    let size = MemoryLayout<T>.size
    guard remaining >= size else { throw truncated(what()) }
    defer { offset += size }
    return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// A 64-bit count of things that take at least `size` bytes each, so that one that lies is found
  /// before anything is allocated for it.
  mutating func count(
    of what: @autoclosure () -> String, size: Int
  ) throws(FormatError) -> Int {
    let stated: UInt64 = try integer(what())
    guard stated <= UInt64(remaining / size) else {
      throw FormatError(
        .truncated,
        "the file claims \(stated) \(what()), more than its remaining \(remaining) bytes can hold",
        mend: "The file is damaged or cut short; fetch it again", path: path, offset: offset - 8)
    }
    return Int(stated)
  }

  mutating func string(_ what: @autoclosure () -> String) throws(FormatError) -> String {
    let length = try count(of: "bytes of \(what())", size: 1)
    let slice = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
    guard let text = String(validating: slice, as: UTF8.self) else {
      throw malformed("\(what()) is not valid UTF-8")
    }
    offset += length
    return text
  }

  /// `count` numbers in a row; the caller has checked that they are there.
  mutating func numbers<T: BitwiseCopyable>(_ count: Int, of type: T.Type) -> [T] {
    let size = count * MemoryLayout<T>.stride
    precondition(count >= 0 && size <= remaining, "ByteCursor: \(count) numbers past the end")
    let values = [T](unsafeUninitializedCapacity: count) { buffer, initialized in
      UnsafeMutableRawBufferPointer(buffer).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + size]))
      initialized = count
    }
    offset += size
    return values
  }
}
