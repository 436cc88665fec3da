import Foundation
import HalterJSON

/// Reads JSON Lines: one object a line, blank lines skipped, streamed.
public struct JSONLines: RecordReader {
  private var lines: LineReader

  /// Opens a JSON Lines file.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - name: how messages call it; the path where nil.
  ///   - chunkSize: how many bytes are read at a time.
  /// - Throws: `DataError` when the file is missing or cannot be read.
  public init(url: URL, name: String? = nil, chunkSize: Int = 1 << 18) throws(DataError) {
    lines = try LineReader(url: url, name: name, chunkSize: chunkSize)
  }

  /// Parses one line as one object.
  public var parser: any RecordParser { Parser() }

  private struct Parser: RecordParser {
    func object(_ record: RawRecord) throws(DataError) -> JSONObject {
      try JSONLines.object(record.bytes, at: record.location)
    }
  }

  /// The next line that is not blank, or nil at the end of the file.
  ///
  /// - Throws: `DataError` when the disk refuses.
  public mutating func next() throws(DataError) -> RawRecord? {
    while let line = try lines.next() {
      if line.bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
      return RawRecord(
        bytes: line.bytes, location: RowLocation(file: lines.name, line: line.number))
    }
    return nil
  }

  /// Parses the text of one line.
  ///
  /// - Throws: `DataError` naming the place when it is not a JSON object.
  public static func parse(
    line: String, at location: RowLocation
  ) throws(DataError) -> JSONObject {
    try object(Array(line.utf8)[...], at: location)
  }

  /// Parses the bytes of one line.
  ///
  /// - Throws: `DataError` naming the place when they are not UTF-8, JSON, or an object.
  static func object(
    _ bytes: ArraySlice<UInt8>, at location: RowLocation
  ) throws(DataError) -> JSONObject {
    let value: JSONValue
    do {
      value = try JSONValue(parsing: Array(bytes))
    } catch {
      guard String(validating: bytes, as: UTF8.self) != nil else {
        throw fault(
          bytes, error.offset, location, "the line is not UTF-8 text; save the file as UTF-8")
      }
      var message = error.message
      if bytes.first(where: { $0 != 0x20 && $0 != 0x09 }) == UInt8(ascii: "[") {
        message += "; the line starts a list: JSON Lines has one object a line"
      }
      throw fault(bytes, error.offset, location, "not JSON: \(message)")
    }
    guard let object = value.object else {
      throw fault(
        bytes, 0, location,
        "found \(value.kindInWords), expected an object {…}: JSON Lines has one object a line")
    }
    return object
  }

  private static func fault(
    _ bytes: ArraySlice<UInt8>, _ offset: Int, _ location: RowLocation, _ message: String
  ) -> DataError {
    let before = bytes.prefix(offset)
    let column = before.count { $0 & 0xC0 != 0x80 } + 1
    return DataError(
      .malformed, "\(message), near `\(excerpt(bytes, around: offset))`", file: location.file,
      line: location.line, column: column)
  }

  /// A few characters on both sides of a byte, with anything unprintable made visible.
  private static func excerpt(_ bytes: ArraySlice<UInt8>, around offset: Int) -> String {
    let reach = 24
    var from = max(bytes.startIndex, bytes.startIndex + offset - reach)
    var to = min(bytes.endIndex, bytes.startIndex + offset + reach)
    // Never cut through a character.
    while from > bytes.startIndex, bytes[from] & 0xC0 == 0x80 { from -= 1 }
    while to > from, to < bytes.endIndex, bytes[to] & 0xC0 == 0x80 { to -= 1 }
    let text = String(decoding: bytes[from..<to], as: UTF8.self).unicodeScalars.map { scalar in
      scalar.value < 0x20 || scalar.value == 0x7F ? "·" : String(scalar)
    }.joined()
    return (from > bytes.startIndex ? "…" : "") + text + (to < bytes.endIndex ? "…" : "")
  }
}
