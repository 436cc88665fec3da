import HalterJSON

/// One record of a file, not yet parsed: what one thread reads and others parse.
public struct RawRecord: Sendable {
  /// The record's bytes in its file's own format.
  public let bytes: ArraySlice<UInt8>
  /// Where it stands.
  public let location: RowLocation
  /// The column at which it begins, counted from 1.
  let column: Int
  /// How its bytes are read.
  let parser: any RecordParser

  /// Bytes, their place, and how they are read.
  init(
    bytes: ArraySlice<UInt8>, location: RowLocation, column: Int = 1, parser: any RecordParser
  ) {
    self.bytes = bytes
    self.location = location
    self.column = column
    self.parser = parser
  }

  /// The record's columns.
  ///
  /// - Throws: `DataError` naming file, line and column of what is malformed.
  public func object() throws(DataError) -> JSONObject { try parser.object(self) }

  /// The record's columns as layouts look into them.
  ///
  /// - Parameter names: the file's names of the layout's columns, where they differ.
  /// - Throws: `DataError` naming file, line and column of what is malformed.
  public func row(names: [String: String] = [:]) throws(DataError) -> SourceRow {
    SourceRow(
      try object(), at: location, names: names, spellsValues: parser.spellsValues)
  }

  /// A fault at a byte of the record, counted from its start, with some of the text around it.
  func fault(_ offset: Int, _ message: String) -> DataError {
    let place = bytes.startIndex + min(max(0, offset), bytes.count)
    let before = bytes[..<place]
    let lines = before.count { $0 == 0x0A }
    let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? bytes.startIndex
    let characters = before[lineStart...].count { $0 & 0xC0 != 0x80 }
    return DataError(
      .malformed, "\(message), near `\(excerpt(around: place))`", file: location.file,
      line: location.line + lines, column: characters + (lines == 0 ? column : 1))
  }

  /// A few characters on both sides of a byte, with anything unprintable made visible.
  private func excerpt(around place: Int) -> String {
    let reach = 24
    var from = max(bytes.startIndex, place - reach)
    var to = min(bytes.endIndex, place + reach)
    // Never cut through a character.
    while from > bytes.startIndex, bytes[from] & 0xC0 == 0x80 { from -= 1 }
    while to > from, to < bytes.endIndex, bytes[to] & 0xC0 == 0x80 { to -= 1 }
    let text = String(decoding: bytes[from..<to], as: UTF8.self).unicodeScalars.map { scalar in
      scalar.value < 0x20 || scalar.value == 0x7F ? "·" : String(scalar)
    }.joined()
    return (from > bytes.startIndex ? "…" : "") + text + (to < bytes.endIndex ? "…" : "")
  }
}

/// Turns a record of a format into an object; every call stands alone, so that threads may share
/// one parser.
protocol RecordParser: Sendable {
  /// Whether the format knows texts only, so that other values are spelled by them.
  var spellsValues: Bool { get }

  /// The record's columns.
  ///
  /// - Throws: `DataError` naming file, line and column of what is malformed.
  func object(_ record: RawRecord) throws(DataError) -> JSONObject
}

extension RecordParser {
  var spellsValues: Bool { false }
}

/// Streams the records of one file; one conforming type a format.
public protocol RecordReader {
  /// How many bytes of the file have been read.
  var bytesRead: Int { get }

  /// The next record, or nil at the end.
  ///
  /// - Throws: `DataError` when the disk refuses or no record can be found in the bytes.
  mutating func next() throws(DataError) -> RawRecord?
}
