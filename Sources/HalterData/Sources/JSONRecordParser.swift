import HalterJSON

/// Parses a record that is one JSON object.
struct JSONRecordParser: RecordParser {
  /// Whether a record is a line: said where one seems to be more or less than an object.
  let isLine: Bool
  /// Whether the objects stand for rows of a format that knows no lists.
  var spellsValues = false

  func object(_ record: RawRecord) throws(DataError) -> JSONObject {
    let bytes = record.bytes
    let value: JSONValue
    do {
      value = try JSONValue(parsing: Array(bytes))
    } catch {
      guard String(validating: bytes, as: UTF8.self) != nil else {
        throw record.fault(error.offset, "this is not UTF-8 text; save the file as UTF-8")
      }
      throw record.fault(error.offset, "not JSON: \(error.message)\(hint(error.offset, bytes))")
    }
    guard let object = value.object else {
      throw record.fault(
        0, "found \(value.kindInWords), expected an object {…}: \(Self.rule)")
    }
    return object
  }

  private static let rule = "JSON Lines has one object a line"

  private func hint(_ offset: Int, _ bytes: ArraySlice<UInt8>) -> String {
    guard isLine, let first = bytes.first(where: { !ByteWindow.isSpace($0) }) else { return "" }
    if first == UInt8(ascii: "[") { return "; the line starts a list: \(Self.rule)" }
    let goesOn = first == UInt8(ascii: "{") && offset >= bytes.count
    return goesOn ? "; the object does not end in its line: \(Self.rule)" : ""
  }
}
