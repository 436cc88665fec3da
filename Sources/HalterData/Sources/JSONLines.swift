import Foundation
import HalterJSON

/// Reads JSON Lines: one object a line, blank lines skipped, streamed.
public struct JSONLines: RecordReader {
  private static let parser = JSONRecordParser(isLine: true)

  /// How many bytes of the file have been read.
  public var bytesRead: Int { lines.bytesRead }

  private var lines: LineReader

  /// Opens a JSON Lines file.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - name: how messages call it; the path where nil.
  ///   - chunkSize: how many bytes are read at a time.
  /// - Throws: `DataError` when the file is missing or cannot be read.
  public init(url: URL, name: String? = nil, chunkSize: Int = 1 << 18) throws(DataError) {
    self.init(try ByteWindow(url: url, name: name, chunkSize: chunkSize))
  }

  init(_ window: ByteWindow) { lines = LineReader(window) }

  /// The next line that is not blank, or nil at the end of the file.
  ///
  /// - Throws: `DataError` when the disk refuses.
  public mutating func next() throws(DataError) -> RawRecord? {
    while let line = try lines.next() {
      if line.bytes.allSatisfy(ByteWindow.isSpace) { continue }
      return RawRecord(
        bytes: line.bytes, location: RowLocation(file: lines.name, line: line.number),
        parser: Self.parser)
    }
    return nil
  }

  /// Parses the text of one line.
  ///
  /// - Throws: `DataError` naming the place when it is not a JSON object.
  public static func parse(
    line: String, at location: RowLocation
  ) throws(DataError) -> JSONObject {
    try RawRecord(bytes: Array(line.utf8)[...], location: location, parser: parser).object()
  }
}
