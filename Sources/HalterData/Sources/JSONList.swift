import HalterJSON

/// Reads a JSON list of objects, `[{…}, {…}]`, an element at a time.
///
/// The list is never in memory as a whole. Only the ends of its elements are looked for here; each
/// is parsed on its own, with its place in the file.
struct JSONList: RecordReader {
  private enum Place { case before, first, between, behind }

  private static let parser = JSONRecordParser(isLine: false)

  var bytesRead: Int { window.bytesRead }

  private var window: ByteWindow
  private var place = Place.before

  init(_ window: ByteWindow) { self.window = window }

  mutating func next() throws(DataError) -> RawRecord? {
    while let byte = try window.skipSpace() {
      switch place {
      case .before:
        guard byte == UInt8(ascii: "[") else { throw unexpected("a list of rows, `[`") }
        place = .first
      case .first where byte == UInt8(ascii: "]"), .between where byte == UInt8(ascii: "]"):
        place = .behind
      case .between where byte == UInt8(ascii: ","):
        _ = window.take(upTo: window.start + 1)
        guard let byte = try window.skipSpace() else { throw ended(where: "a row, {…}") }
        guard byte == UInt8(ascii: "{") else { throw unexpected("a row, {…}") }
        return try element()
      case .first:
        guard byte == UInt8(ascii: "{") else { throw unexpected("a row, {…}") }
        place = .between
        return try element()
      case .between: throw unexpected("`,` or `]`")
      case .behind: throw unexpected("the end of the file, behind the list")
      }
      _ = window.take(upTo: window.start + 1)
    }
    guard place == .behind else {
      throw ended(where: place == .between ? "`,` or `]`" : "a list of rows, `[{…}, {…}]`")
    }
    return nil
  }

  /// Takes the object at the start of the window.
  private mutating func element() throws(DataError) -> RawRecord {
    var scan = JSONScan()
    while !scan.go(on: window), try window.refill() {}
    // What is cut short goes to the parser as it is: it says where something is missing.
    let cursor = window.cursor
    let bytes = window.take(upTo: window.start + scan.length)
    return RawRecord(
      bytes: bytes, location: RowLocation(file: window.name, line: cursor.line),
      column: cursor.column, parser: Self.parser)
  }

  private func unexpected(_ expected: String) -> DataError {
    let found = String(decoding: window.bytes.prefix(1), as: UTF8.self)
    let shown = window.bytes.first.map { $0 < 0x80 } == true ? "`\(found)`" : "a character"
    return DataError(
      .malformed, "found \(shown) where \(expected) was expected", file: window.name,
      line: window.cursor.line, column: window.cursor.column)
  }

  private func ended(where expected: String) -> DataError {
    DataError(
      .malformed, "the file ends where \(expected) was expected; it may have been cut short",
      file: window.name, line: window.cursor.line, column: window.cursor.column)
  }
}

/// Finds the end of a JSON object or list without reading what is in it.
private struct JSONScan {
  private(set) var length = 0
  private var isComplete = false
  private var depth = 0
  private var isInText = false
  private var isEscaped = false

  /// Goes on behind what was seen of the window's bytes.
  ///
  /// - Returns: whether the end was found.
  mutating func go(on window: ByteWindow) -> Bool {
    let buffer = window.buffer
    var at = window.start + length
    var (depth, isInText, isEscaped) = (depth, isInText, isEscaped)
    while at < buffer.count, !isComplete {
      let byte = buffer[at]
      at += 1
      if isInText {
        // A line break cannot be in a text: its closing quote is missing, and may be far away.
        if byte == 0x0A {
          isComplete = true
        } else if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInText = false
        }
      } else if byte == UInt8(ascii: "\"") {
        isInText = true
      } else if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") {
        depth += 1
      } else if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
        depth -= 1
        isComplete = depth == 0
      }
    }
    length = at - window.start
    (self.depth, self.isInText, self.isEscaped) = (depth, isInText, isEscaped)
    return isComplete
  }
}
