import HalterJSON

/// Splits a record of separated values into its fields (RFC 4180).
///
/// SwiftCSV, which other readers might reach for, takes a whole file as one string, names no place
/// and accepts a quote that is never closed.
struct DelimitedParser: RecordParser {
  /// The names of the columns.
  let header: [String]
  /// A comma or a tab.
  let separator: UInt8

  var spellsValues: Bool { true }

  private static let quote = UInt8(ascii: "\"")
  private var separatorInWords: String { separator == 0x09 ? "a tab" : "a comma" }

  func object(_ record: RawRecord) throws(DataError) -> JSONObject {
    let fields = try fields(of: record)
    guard fields.count == header.count else {
      let mend =
        fields.count > header.count
        ? "; a field that holds \(separatorInWords) or a quote stands in double quotes" : ""
      throw record.fault(
        record.bytes.count,
        "found \(fields.count) \(fields.count == 1 ? "field" : "fields"), expected \(header.count)"
          + " as in the header: \(SourceRow.list(header))\(mend)")
    }
    return JSONObject(keys: header, texts: fields)
  }

  /// The names of the columns in the record that is the header.
  ///
  /// - Throws: `DataError` when one is empty or stands twice.
  func columns(of record: RawRecord) throws(DataError) -> [String] {
    let names = try fields(of: record).map { String(decoding: $0, as: UTF8.self) }
    if record.bytes.contains(0x0D) {
      throw record.fault(
        0, "the lines end in CR alone, as on old Macintoshes; save the file with LF or CRLF")
    }
    for (index, name) in names.enumerated() {
      if name.allSatisfy(\.isWhitespace) {
        throw record.fault(
          0, "column \(index + 1) of the header has no name; the first record names the columns")
      }
      if names[..<index].contains(name) {
        throw record.fault(0, "the column `\(name)` stands twice in the header")
      }
    }
    if let only = names.first, names.count == 1, let other = Self.otherSeparator(in: only) {
      throw record.fault(
        0, "the header has no \(separator == 0x09 ? "tab" : "comma"), but \(other)")
    }
    return names
  }

  private static func otherSeparator(in name: String) -> String? {
    if name.contains("\t") { return "tabs; say `format: tsv`" }
    if name.contains(";") { return "semicolons; save the file with commas" }
    if name.contains(",") { return "commas; say `format: csv`" }
    return nil
  }

  // MARK: - Fields

  private func fields(of record: RawRecord) throws(DataError) -> [ArraySlice<UInt8>] {
    try record.requireUTF8()
    let bytes = record.bytes
    var fields: [ArraySlice<UInt8>] = []
    fields.reserveCapacity(header.count)
    var at = bytes.startIndex
    while true {
      let field =
        at < bytes.endIndex && bytes[at] == Self.quote
        ? try quoted(&at, record) : try plain(&at, record)
      fields.append(field)
      guard at < bytes.endIndex else { return fields }
      at += 1
    }
  }

  /// The field at a place where no quote is; moves to the separator behind it.
  private func plain(
    _ at: inout Int, _ record: RawRecord
  ) throws(DataError) -> ArraySlice<UInt8> {
    let bytes = record.bytes
    let start = at
    while at < bytes.endIndex, bytes[at] != separator {
      if bytes[at] == Self.quote {
        throw record.fault(
          at - bytes.startIndex,
          "found a quote inside a field without quotes; put the field in double quotes and double"
            + " those in it")
      }
      at += 1
    }
    return bytes[start..<at]
  }

  /// The field at an opening quote; moves to the separator behind it.
  private func quoted(
    _ at: inout Int, _ record: RawRecord
  ) throws(DataError) -> ArraySlice<UInt8> {
    let bytes = record.bytes
    let opening = at
    var text: [UInt8] = []
    var start = at + 1
    while let closing = bytes[start...].firstIndex(of: Self.quote) {
      let behind = closing + 1
      if behind < bytes.endIndex, bytes[behind] == Self.quote {
        text += bytes[start..<behind]
        start = behind + 1
        continue
      }
      guard behind == bytes.endIndex || bytes[behind] == separator else {
        throw record.fault(
          behind - bytes.startIndex,
          "found text behind the closing quote of a field; double a quote that is part of it")
      }
      at = behind
      if text.isEmpty { return bytes[start..<closing] }
      return (text + bytes[start..<closing])[...]
    }
    throw record.fault(
      opening - bytes.startIndex, "the quote that begins this field is never closed")
  }
}
