/// Reads values separated by commas or tabs (RFC 4180), a record at a time.
///
/// The first record names the columns. A field may stand in double quotes and then hold separators
/// and line breaks, and quotes that are doubled. Records end in LF or CRLF; blank lines are skipped.
/// Only the ends of records are looked for here; each is parsed on its own.
struct DelimitedText: RecordReader {
  var bytesRead: Int { window.bytesRead }

  private let parser: DelimitedParser
  private let separator: UInt8
  private var window: ByteWindow

  /// Reads the header.
  ///
  /// - Parameter separator: a comma or a tab.
  /// - Throws: `DataError` when there is none or it does not name the columns.
  init(_ window: ByteWindow, separator: UInt8) throws(DataError) {
    self.window = window
    self.separator = separator
    let bare = DelimitedParser(header: [], separator: separator)
    guard let header = try Self.record(&self.window, separator, bare) else {
      throw DataError(.untrainable, "the file is empty: expected a header", file: window.name)
    }
    parser = DelimitedParser(
      header: try bare.columns(of: header), separator: separator)
  }

  mutating func next() throws(DataError) -> RawRecord? {
    try Self.record(&window, separator, parser)
  }

  /// The next record that is not blank, without its line end.
  private static func record(
    _ window: inout ByteWindow, _ separator: UInt8, _ parser: DelimitedParser
  ) throws(DataError) -> RawRecord? {
    while true {
      let cursor = window.cursor
      var scan = DelimitedScan(separator: separator)
      while !scan.go(on: window), try window.refill() {}
      if scan.length == 0 { return nil }
      var bytes = window.take(upTo: window.start + scan.length)
      if scan.isComplete { bytes = bytes.dropLast() }
      if bytes.last == 0x0D { bytes = bytes.dropLast() }
      if bytes.isEmpty { continue }
      return RawRecord(
        bytes: bytes, location: RowLocation(file: window.name, line: cursor.line),
        column: cursor.column, parser: parser)
    }
  }
}

/// Finds the end of a record without splitting it.
private struct DelimitedScan {
  private enum Place { case fieldStart, plain, quoted, behindQuote }

  /// How many bytes were looked at; with the line end if the record is complete.
  private(set) var length = 0
  private(set) var isComplete = false
  private let separator: UInt8
  private var place = Place.fieldStart

  init(separator: UInt8) { self.separator = separator }

  /// Goes on behind what was seen of the window's bytes.
  ///
  /// - Returns: whether the end was found.
  mutating func go(on window: ByteWindow) -> Bool {
    let buffer = window.buffer
    var at = window.start + length
    var place = place
    while at < buffer.count, !isComplete {
      let byte = buffer[at]
      at += 1
      switch place {
      case .quoted:
        if byte == UInt8(ascii: "\"") { place = .behindQuote }
        continue
      case .behindQuote where byte == UInt8(ascii: "\""),
        .fieldStart where byte == UInt8(ascii: "\""):
        place = .quoted
        continue
      case .fieldStart, .plain, .behindQuote: break
      }
      if byte == 0x0A {
        isComplete = true
      } else {
        place = byte == separator ? .fieldStart : .plain
      }
    }
    length = at - window.start
    self.place = place
    return isComplete
  }
}
