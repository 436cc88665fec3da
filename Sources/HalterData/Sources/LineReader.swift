import Foundation

/// Reads a file of any size line by line through one buffer, unpacking it where it is gzip.
///
/// Lines end in LF or CRLF; the last may end with the file. A byte order mark at the start of the
/// file is skipped. Memory is one chunk plus the longest line.
public struct LineReader {
  /// A line's bytes, without its ending, and its number from 1.
  public struct Line: Sendable {
    /// The bytes between the line endings.
    public let bytes: ArraySlice<UInt8>
    /// The line's number, counted from 1.
    public let number: Int
  }

  /// The file as the user named it, for messages.
  public var name: String { window.name }
  /// How many bytes of the file have been read.
  var bytesRead: Int { window.bytesRead }

  private var window: ByteWindow
  private var linesRead = 0

  /// Opens a file.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - name: how messages call it; the path where nil.
  ///   - chunkSize: how many bytes are read at a time.
  /// - Throws: `DataError` when there is no such file, when it is a directory or cannot be read.
  public init(url: URL, name: String? = nil, chunkSize: Int = 1 << 18) throws(DataError) {
    self.init(try ByteWindow(url: url, name: name, chunkSize: chunkSize))
  }

  init(_ window: ByteWindow) { self.window = window }

  /// The next line, or nil at the end of the file.
  ///
  /// - Throws: `DataError` when the disk refuses or the line is too long.
  public mutating func next() throws(DataError) -> Line? {
    var seen = 0
    while true {
      if let newline = window.buffer[(window.start + seen)...].firstIndex(of: 0x0A) {
        return take(upTo: newline, behind: newline + 1)
      }
      seen = window.bytes.count
      guard try window.refill() else { break }
    }
    let end = window.buffer.endIndex
    return seen == 0 ? nil : take(upTo: end, behind: end)
  }

  private mutating func take(upTo end: Int, behind: Int) -> Line {
    linesRead += 1
    let bytes = window.take(upTo: behind)
    let line = bytes.prefix(end - bytes.startIndex)
    return Line(bytes: line.last == 0x0D ? line.dropLast() : line, number: linesRead)
  }
}
