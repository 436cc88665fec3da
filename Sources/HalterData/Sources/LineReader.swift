import Foundation

/// Reads a file of any size line by line through one buffer.
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
  public let name: String

  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  private let handle: FileHandle
  private let chunkSize: Int
  private var buffer: [UInt8] = []
  private var start = 0
  private var atEnd = false
  private var linesRead = 0

  /// Opens a file.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - name: how messages call it; the path where nil.
  ///   - chunkSize: how many bytes are read at a time.
  /// - Throws: `DataError` when there is no such file, when it is a directory or cannot be read.
  public init(url: URL, name: String? = nil, chunkSize: Int = 1 << 18) throws(DataError) {
    precondition(chunkSize > 0, "LineReader: the chunk size is positive")
    let name = name ?? url.path
    self.name = name
    self.chunkSize = chunkSize
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw DataError(
        .missingFile, "there is no such file; paths are relative to the recipe", file: name)
    }
    let values = try? url.resolvingSymlinksInPath().resourceValues(forKeys: [.isDirectoryKey])
    if values?.isDirectory == true {
      throw DataError(
        .unreadable, "this is a directory; name the .jsonl file inside it", file: name)
    }
    do {
      handle = try FileHandle(forReadingFrom: url)
    } catch {
      throw DataError(
        .unreadable, "the file cannot be opened: \(Self.reason(error))", file: name)
    }
  }

  /// The next line, or nil at the end of the file.
  ///
  /// - Throws: `DataError` when the disk refuses.
  public mutating func next() throws(DataError) -> Line? {
    var scanned = start
    while true {
      if let newline = buffer[scanned...].firstIndex(of: 0x0A) {
        let line = take(upTo: newline)
        start = newline + 1
        return line
      }
      if atEnd {
        guard start < buffer.endIndex else { return nil }
        let line = take(upTo: buffer.endIndex)
        start = buffer.endIndex
        return line
      }
      scanned = buffer.endIndex - start
      try refill()
    }
  }

  /// Drops what was handed out and reads one more chunk behind the rest.
  private mutating func refill() throws(DataError) {
    if start > 0 {
      buffer.removeSubrange(..<start)
      start = 0
    }
    do {
      let data = try handle.read(upToCount: chunkSize)
      if let data, !data.isEmpty {
        buffer.append(contentsOf: data)
      } else {
        atEnd = true
      }
    } catch {
      throw DataError(
        .unreadable, "reading stopped: \(Self.reason(error))", file: name, line: linesRead + 1)
    }
  }

  private mutating func take(upTo end: Int) -> Line {
    var end = end
    if linesRead == 0, buffer[start..<end].starts(with: Self.byteOrderMark) {
      start += Self.byteOrderMark.count
    }
    linesRead += 1
    if end > start, buffer[end - 1] == 0x0D { end -= 1 }
    return Line(bytes: buffer[start..<end], number: linesRead)
  }

  private static func reason(_ error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    return (underlying ?? error as NSError).localizedDescription
  }
}
