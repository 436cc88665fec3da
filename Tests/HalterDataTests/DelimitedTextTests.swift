import Foundation
import HalterData
import HalterJSON
import HalterRandom
import Testing

@Suite struct DelimitedTextTests {
  @Test func readsFieldsUnderTheirNames() throws {
    let rows = try parsed("prompt,completion\na,b\n\"c\",\"d, \"\"e\"\"\nf\"\n", .csv)
    #expect(rows.map(\.object.keys) == [["prompt", "completion"], ["prompt", "completion"]])
    #expect(rows.map(\.texts) == [["a", "b"], ["c", "d, \"e\"\nf"]])
    #expect(rows.map(\.location.line) == [2, 3])
  }

  @Test(arguments: [1, 2, 3, 4, 5, 7, 64]) func chunkSizeDoesNotMatter(chunkSize: Int) throws {
    let text = "\u{FEFF}a,b\r\n\"é\"\"\r\n\",🙂\r\n\r\n,\"\"\r\nx,\"y\n\nz\""
    let small = try parsed(text, .csv, chunkSize: chunkSize)
    let large = try parsed(text, .csv)
    #expect(small.map(\.texts) == [["é\"\r\n", "🙂"], ["", ""], ["x", "y\n\nz"]])
    #expect(small.map(\.location.line) == [2, 5, 6])
    #expect(small.map(\.location) == large.map(\.location))
  }

  @Test func tabsSeparateWhereTheFormatSaysSo() throws {
    let rows = try parsed("a\tb\n1,2\t\"3\t4\"\n", .tsv)
    #expect(rows.map(\.texts) == [["1,2", "3\t4"]])
  }

  @Test func fieldsStayText() throws {
    let row = try parsed("a,b,c\n007, 1.50 ,true\n", .csv)[0]
    #expect(row.texts == ["007", " 1.50 ", "true"])
  }

  @Test(arguments: [
    ("a,b\n1\n", "2:2: found 1 field, expected 2 as in the header: `a`, `b`, near `1`"),
    (
      "a,b\n1,2\n\n3,4,5\n",
      "4:6: found 3 fields, expected 2 as in the header: `a`, `b`; a field that holds a comma or"
        + " a quote stands in double quotes, near `3,4,5`"
    ),
    (
      "a,b\n\"x\ny\",é\"\n",
      "3:5: found a quote inside a field without quotes; put the field in double quotes"
    ),
    ("a,b\n1,\"2\"3\n", "2:6: found text behind the closing quote of a field; double a quote"),
    ("a,b\n1,2\n1,\"x\n2,3\n", "3:3: the quote that begins this field is never closed"),
    ("a,a\n1,2\n", "1:1: the column `a` stands twice in the header"),
    ("a,,c\n", "1:1: column 2 of the header has no name; the first record names the columns"),
    ("a, \n", "1:1: column 2 of the header has no name"),
    ("a;b\n1;2\n", "1:1: the header has no comma, but semicolons; save the file with commas"),
    ("a\tb\n1\t2\n", "1:1: the header has no comma, but tabs; say `format: tsv`"),
    ("a,b\r1,2\r", "1:1: the lines end in CR alone"),
  ]) func namesThePlaceOfAFault(text: String, expected: String) {
    let found = complaint { try parsed(text, .csv) }
    #expect(found.hasPrefix("rows:" + expected), "\(found)")
  }

  @Test func aTableWithCommasIsNoTabbedOne() {
    let found = complaint { try parsed("a,b\n1,2\n", .tsv) }
    #expect(found.contains("the header has no tab, but commas; say `format: csv`"), "\(found)")
  }

  @Test func refusesWhatIsNotUTF8() {
    let found = complaint {
      try parsed(bytes: Array("a,b\n1,2\né,".utf8) + [0xE9, 0x0A], .csv)
    }
    #expect(found.hasPrefix("rows:3:3: this is not UTF-8 text; save the file as UTF-8"), "\(found)")
  }

  @Test func aQuoteWithoutEndIsRefused() {
    let bytes = Array("a,b\n1,\"2".utf8) + [UInt8](repeating: 0x61, count: 3 << 20)
    let found = complaint { try parsed(bytes: bytes, .csv, limit: 1 << 20) }
    #expect(
      found.hasPrefix("rows:2:1: the record that begins here has more than 1 MiB"), "\(found)")
  }

  @Test func noHeaderIsSaidSo() {
    #expect(complaint { try parsed("", .csv) } == "rows: the file is empty: expected a header")
  }

  /// Whatever fields hold, what RFC 4180 writes is read back.
  @Test func anyFieldsComeBack() throws {
    var random = RandomStream(seed: 7)
    let pieces = [",", "\"", "\n", "\r\n", "\t", "a", "é", "🙂", " ", "\"\"", "\\", "0"]
    func field() -> String {
      (0..<random.next(below: 6)).map { _ in pieces[random.next(below: pieces.count)] }.joined()
    }
    for separator in [",", "\t"] {
      let table = (0..<300).map { _ in [field() + "x", field(), field()] }
      let lines = ([["one", "two", "three"]] + table).map { row in
        row.map { field in
          let isPlain = field.utf8.allSatisfy { !"\",\t\r\n".utf8.contains($0) }
          return isPlain && random.next(below: 2) == 0
            ? field : "\"" + field.replacing("\"", with: "\"\"") + "\""
        }.joined(separator: separator)
      }
      let end = random.next(below: 2) == 0 ? "\n" : "\r\n"
      let rows = try parsed(
        lines.joined(separator: end), separator == "," ? .csv : .tsv,
        chunkSize: 1 + random.next(below: 200))
      #expect(rows.map(\.texts) == table)
    }
  }
}
