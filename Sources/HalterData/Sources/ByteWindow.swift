import Foundation

/// A buffer that passes over a file once: bytes are read in behind, and records taken in front.
///
/// Memory is one chunk plus the longest record, and a record has a limit: a quote or a bracket that
/// is never closed must not draw a whole file into memory.
struct ByteWindow {
  /// The longest record in bytes, unless the format says otherwise.
  static let longestRecord = 64 << 20

  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
  private static let shortest = 16

  /// The file as the user named it, for messages.
  var name: String { stream.name }
  /// Whether the file is packed.
  var isPacked: Bool { stream.isPacked }
  /// How many bytes of the file have been read.
  var bytesRead: Int { stream.bytesRead }
  /// What was read and not taken yet.
  var bytes: ArraySlice<UInt8> { buffer[start...] }
  /// What was read and not taken yet begins here in `buffer`.
  private(set) var start = 0
  /// What was read; places in it hold until the next `refill`.
  private(set) var buffer: [UInt8] = []
  /// The place in the file of the first byte that was not taken.
  private(set) var cursor = TextCursor()
  /// The longest record in bytes.
  var limit = Self.longestRecord

  private var stream: ByteStream
  private let chunkSize: Int

  /// Opens a file and reads its first bytes; a byte order mark is passed over.
  ///
  /// - Throws: `DataError` when the file is missing or cannot be read.
  init(url: URL, name: String?, chunkSize: Int = 1 << 18) throws(DataError) {
    precondition(chunkSize > 0, "ByteWindow: the chunk size is positive")
    stream = try ByteStream(url: url, name: name ?? url.path)
    self.chunkSize = chunkSize
    while buffer.count < Self.shortest, try refill() {}
    if buffer.starts(with: Self.byteOrderMark) { start = Self.byteOrderMark.count }
  }

  /// Reads a chunk more, and moves what was not taken to the front of the buffer.
  ///
  /// - Returns: false at the end of the file.
  /// - Throws: `DataError` when the disk refuses or the record has grown beyond the limit.
  mutating func refill() throws(DataError) -> Bool {
    if start > 0 {
      buffer.removeSubrange(..<start)
      start = 0
    }
    if buffer.count > limit {
      throw DataError(
        .malformed,
        "the record that begins here has more than \(limit >> 20) MiB; is a quote or a bracket not"
          + " closed?", file: name, line: cursor.line, column: cursor.column)
    }
    return try stream.read(chunkSize, into: &buffer, atLine: cursor.line)
  }

  /// Takes the bytes up to a place in the buffer.
  mutating func take(upTo end: Int) -> ArraySlice<UInt8> {
    let taken = buffer[start..<end]
    cursor.advance(over: taken)
    start = end
    return taken
  }

  /// The first byte that is no white space, which is passed over; nil at the end of the file.
  mutating func skipSpace() throws(DataError) -> UInt8? {
    while true {
      let end = bytes.firstIndex { !Self.isSpace($0) }
      _ = take(upTo: end ?? buffer.endIndex)
      if let end { return buffer[end] }
      guard try refill() else { return nil }
    }
  }

  /// The first byte that is no white space, nil in a file without one; nothing is passed over.
  mutating func firstPrintable() throws(DataError) -> UInt8? {
    var seen = 0
    while true {
      if let byte = bytes.dropFirst(seen).first(where: { !Self.isSpace($0) }) { return byte }
      seen = bytes.count
      guard try refill() else { return nil }
    }
  }

  static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
  }
}

/// A place in a text as editors count it.
struct TextCursor: Sendable, Equatable {
  /// The line, counted from 1; lines end in LF.
  private(set) var line = 1
  /// The column in characters (Unicode scalars), counted from 1.
  private(set) var column = 1

  /// Moves behind some UTF-8.
  mutating func advance(over bytes: ArraySlice<UInt8>) {
    // Counting is all that this costs, line by line: a record may have megabytes.
    guard let last = bytes.lastIndex(of: 0x0A) else {
      column += bytes.count { $0 & 0xC0 != 0x80 }
      return
    }
    line += bytes.count { $0 == 0x0A }
    column = 1 + bytes[(last + 1)...].count { $0 & 0xC0 != 0x80 }
  }
}
