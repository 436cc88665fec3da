import Foundation
import HalterData
import HalterJSON
import HalterRandom
import Testing

@Suite struct JSONListTests {
  @Test func readsOneObjectAnElement() throws {
    let rows = try parsed(
      "[{\"a\": \"x\"},\n {\"a\": \"[\\\"}\", \"b\": [{}, {\"c\": []}]} , {}\n]\n", .json)
    #expect(rows.map(\.location.line) == [1, 2, 2])
    #expect(rows.map { $0.object["a"]?.string } == ["x", "[\"}", nil])
    #expect(rows[1].object["b"]?.array?.count == 2)
  }

  @Test(arguments: [1, 2, 3, 5, 7, 16, 64]) func chunkSizeDoesNotMatter(chunkSize: Int) throws {
    let text =
      "\u{FEFF} [ {\"a\": \"päck 🙂 \\\\\"} ,\r\n{\"a\": \"]\"},{\"a\": \"\\u00e9\"}\r\n] \n"
    let small = try parsed(text, .json, chunkSize: chunkSize)
    let large = try parsed(text, .json)
    #expect(small.map(\.texts) == [["päck 🙂 \\"], ["]"], ["é"]])
    #expect(small.map(\.location) == large.map(\.location))
  }

  @Test(arguments: ["[]", " [ ] \n"]) func anEmptyListHasNoRows(text: String) throws {
    #expect(try parsed(text, .json).isEmpty)
  }

  @Test(arguments: [
    ("", "1:1: the file ends where a list of rows, `[{…}, {…}]` was expected"),
    ("{\"a\": 1}", "1:1: found `{` where a list of rows, `[` was expected"),
    ("[1]", "1:2: found `1` where a row, {…} was expected"),
    ("[\n  {},\n  \"x\"]", "3:3: found `\"` where a row, {…} was expected"),
    ("[{}\n {}]", "2:2: found `{` where `,` or `]` was expected"),
    ("[{},]", "1:5: found `]` where a row, {…} was expected"),
    ("[{}, {}", "1:8: the file ends where `,` or `]` was expected"),
    ("[{},", "1:5: the file ends where a row, {…} was expected"),
    ("[{}] {}", "1:6: found `{` where the end of the file, behind the list was expected"),
    (
      "[{},\n {\"a\": 1, \"b\": [2}]",
      "2:18: not JSON: found \"}\" where \",\" or \"]\" was expected"
    ),
    ("[{},\n {\"a\": é}]", "2:8: not JSON: found a character outside ASCII where a value"),
    (
      "[{\"a\":\n \"é\n\"}, {}]",
      "2:4: not JSON: found control byte 10 inside text; write it as an escape"
    ),
    ("[{\"a\": \"x", "1:10: not JSON: the text ends inside a string"),
    ("[{\"a\": [", "1:9: not JSON: the text ends where a value was expected"),
    ("[é]", "1:2: found a character where a row, {…} was expected"),
  ]) func namesThePlaceOfAFault(text: String, expected: String) {
    let found = complaint { try parsed(text, .json) }
    #expect(found.hasPrefix("rows:" + expected), "\(found)")
  }

  @Test func refusesWhatIsNotUTF8() {
    let bytes = Array("[{},\n{\"a\": \"é".utf8) + [0xE9] + Array("\"}]".utf8)
    let found = complaint { try parsed(bytes: bytes, .json) }
    #expect(found.hasPrefix("rows:2:9: this is not UTF-8 text"), "\(found)")
  }

  /// One row more than fits into memory under the limit must not be read to its end.
  @Test func aRowWithoutEndIsRefused() {
    let bytes = Array("[{\"a\": 1},\n  {\"b\": [".utf8) + [UInt8](repeating: 0x20, count: 3 << 20)
    let found = complaint { try parsed(bytes: bytes, .json, limit: 1 << 20) }
    #expect(
      found.hasPrefix("rows:2:3: the record that begins here has more than 1 MiB"), "\(found)")
  }

  @Test func bigListsStreamInBoundedMemory() throws {
    let folder = try ScratchFolder()
    let row = "{\"prompt\": \"\(String(repeating: "lorem ipsum ", count: 400))\"},\n"
    let block = Data(String(repeating: row, count: 200).utf8)
    let file = try folder.write("big.json", "[")
    let handle = try FileHandle(forWritingTo: file)
    try handle.seekToEnd()
    for _ in 0..<50 { try handle.write(contentsOf: block) }
    try handle.write(contentsOf: Data("{}]".utf8))
    try handle.close()

    let before = try residentMegabytes()
    var peak = before
    var count = 0
    var reader = try SourceReader(folder.source("big.json", layout: "messages"))
    while try reader.next() != nil {
      count += 1
      if count % 1000 == 0 { peak = max(peak, try residentMegabytes()) }
    }
    #expect(count == 10_001)
    #expect(reader.bytesRead == reader.byteCount)
    #expect(reader.byteCount == 50 * block.count + 4)
    #expect(peak - before < 25, "grew by \(peak - before) MB on \(reader.byteCount >> 20) MB")
  }
}
