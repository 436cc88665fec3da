import Foundation
import HalterFormats
import HalterJSON

/// Reads an HDF5 file as a table: a row is an element of each of its datasets of one axis.
///
/// A row goes on as JSON text, so that the rest of the way is that of every other format.
struct HDF5Rows: RecordReader {
  private static let parser = JSONRecordParser(isLine: false, spellsValues: true)
  /// About how many bytes of text are read at a time.
  private static let bytesAtOnce = 4 << 20

  var bytesRead: Int {
    table.rowCount == 0 ? size : Int(Double(size) * (Double(row) / Double(table.rowCount)))
  }

  private let name: String
  private let size: Int
  private let table: HDF5Table
  private var row = 0
  private var ahead: ArraySlice<String> = []
  private var rowsAtOnce = 16

  /// Opens a file and finds its columns.
  ///
  /// - Throws: `DataError` when it is no HDF5 file or no table.
  init(_ file: SourceFile) throws(DataError) {
    name = file.name
    size = file.size
    do throws(FormatError) {
      table = try HDF5Table(HDF5Reader(file.url))
    } catch {
      throw DataError(error, file: file.name)
    }
  }

  mutating func next() throws(DataError) -> RawRecord? {
    if ahead.isEmpty { try readAhead() }
    guard let text = ahead.popFirst() else { return nil }
    row += 1
    return RawRecord(
      bytes: Array(text.utf8)[...], location: RowLocation(file: name, line: row),
      parser: Self.parser)
  }

  private mutating func readAhead() throws(DataError) {
    let range = row..<min(row + rowsAtOnce, table.rowCount)
    guard !range.isEmpty else { return }
    var members = [[JSONOutput.Member]](repeating: [], count: range.count)
    for (index, column) in table.columns.enumerated() {
      let values = try values(of: index, in: range)
      for (place, value) in values.enumerated() { members[place].append(.init(column, value)) }
    }
    let texts = members.map { JSONOutput.object($0).text }
    ahead = texts[...]
    // Rows may be short or long; what is in memory should not depend on it.
    let bytes = max(1, texts.reduce(0) { $0 + $1.utf8.count })
    rowsAtOnce = min(max(1, Self.bytesAtOnce * texts.count / bytes), 4 * rowsAtOnce)
  }

  private func values(
    of column: Int, in range: Range<Int>
  ) throws(DataError) -> [JSONOutput] {
    let cells: HDF5Table.Cells
    do throws(FormatError) {
      cells = try table.cells(ofColumn: column, in: range)
    } catch {
      throw DataError(error, file: name, line: range.lowerBound + 1)
    }
    switch cells {
    case .numbers(let numbers): return numbers.map { .verbatim($0.isEmpty ? "null" : $0) }
    case .flags(let flags): return flags.map { .bool($0) }
    case .texts(let texts):
      var values: [JSONOutput] = []
      for (place, bytes) in texts.enumerated() {
        guard let text = String(validating: bytes, as: UTF8.self) else {
          throw DataError(
            .malformed, at: RowLocation(file: name, line: range.lowerBound + place + 1),
            path: table.columns[column], "this is not UTF-8 text; store it as UTF-8")
        }
        values.append(.string(text))
      }
      return values
    }
  }
}
