import HalterJSON

/// Reads a file of plain text as one row with the column `text`.
struct PlainText: RecordReader {
  /// The longest text in bytes: a row is in memory as a whole.
  static let longest = 256 << 20

  var bytesRead: Int { window.bytesRead }

  private var window: ByteWindow
  private var isDone = false

  init(_ window: ByteWindow) {
    self.window = window
    self.window.limit = Self.longest
  }

  /// The whole text; nil where there is nothing but white space.
  mutating func next() throws(DataError) -> RawRecord? {
    if isDone { return nil }
    isDone = true
    while try window.refill() {}
    let bytes = window.take(upTo: window.buffer.endIndex)
    if bytes.allSatisfy(ByteWindow.isSpace) { return nil }
    return RawRecord(
      bytes: bytes, location: RowLocation(file: window.name, line: 1), parser: Parser())
  }

  private struct Parser: RecordParser {
    func object(_ record: RawRecord) throws(DataError) -> JSONObject {
      if let zero = record.bytes.firstIndex(of: 0) {
        throw record.fault(
          zero - record.bytes.startIndex, "found a zero byte: this is no plain text")
      }
      try record.requireUTF8()
      return JSONObject(keys: ["text"], texts: [record.bytes])
    }
  }
}

extension RawRecord {
  /// Checks that the record is UTF-8.
  ///
  /// - Throws: `DataError` at the first byte that is not.
  func requireUTF8() throws(DataError) {
    if String(validating: bytes, as: UTF8.self) != nil { return }
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var offset = 0
    while case .scalarValue(let scalar) = decoder.decode(&iterator) {
      offset += UTF8.width(scalar)
    }
    throw fault(offset, "this is not UTF-8 text; save the file as UTF-8")
  }
}
