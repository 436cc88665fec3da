import Foundation
import HalterData
import HalterJSON
import HalterRandom
import Testing

@Suite struct JSONLinesTests {
  @Test func readsOneObjectALine() throws {
    let rows = try rows("{\"a\": 1}\n{\"b\": [true, null]}\n")
    #expect(rows.map(\.location.line) == [1, 2])
    #expect(rows[0].object["a"]?.integer == 1)
    #expect(rows[1].object["b"]?.array?.map(\.bool) == [true, nil])
  }

  @Test func readsCRLF() throws {
    let rows = try rows("{\"a\": \"x\"}\r\n{\"a\": \"y\"}\r\n")
    #expect(rows.map { $0.object["a"]?.string } == ["x", "y"])
  }

  @Test func readsALastLineWithoutNewline() throws {
    #expect(try rows("{\"a\": 1}\n{\"a\": 2}").count == 2)
  }

  @Test(arguments: [1, 2, 3, 4, 1 << 18]) func skipsAByteOrderMark(chunkSize: Int) throws {
    let rows = try rows("\u{FEFF}{\"a\": 1}\n{\"a\": 2}", chunkSize: chunkSize)
    #expect(rows.count == 2)
  }

  @Test func skipsBlankLinesAndCountsThem() throws {
    let rows = try rows("\n  \t\r\n{\"a\": 1}\n\n{\"a\": 2}\n\n")
    #expect(rows.map(\.location.line) == [3, 5])
  }

  @Test(arguments: [1, 2, 3, 5, 7, 16, 64]) func chunkSizeDoesNotMatter(chunkSize: Int) throws {
    let text = "{\"a\": \"päck 🙂\"}\r\n\n{\"b\": \"\(String(repeating: "é", count: 50))\"}\n{}"
    let small = try rows(text, chunkSize: chunkSize)
    let large = try rows(text)
    #expect(small.map(\.object.keys) == [["a"], ["b"], []])
    #expect(
      small.map { $0.object.map(\.value.string) } == large.map { $0.object.map(\.value.string) })
    #expect(small.map(\.location) == large.map(\.location))
  }

  @Test(arguments: [
    ("{\"a\": 1", "8: not JSON: the text ends where \",\" or \"}\" was expected"),
    ("{\"é\": x}", "7: not JSON: found \"x\" where a value was expected"),
    ("{\"a\": 1, \"a\": 2}", "10: not JSON: the key \"a\" stands twice in an object"),
    ("[", "2: not JSON: the text ends where a value was expected; the line starts a list"),
    ("[1]", "1: found a list, expected an object {…}"),
    ("3", "1: found a number, expected an object {…}"),
  ]) func namesThePlaceOfAFault(line: String, expected: String) {
    let found = complaint { try rows(line) }
    #expect(found.hasPrefix("rows.jsonl:1:" + expected), "\(found)")
  }

  @Test func namesTheLineBehindGoodOnes() {
    let found = complaint { try rows("{}\r\n\r\n{}\r\n{oops}\r\n{}") }
    #expect(found.hasPrefix("rows.jsonl:4:2: "), "\(found)")
    #expect(found.contains("near `{oops}`"), "\(found)")
  }

  @Test func excerptIsShortAndPrintable() {
    let long = String(repeating: "ü", count: 500)
    let found = complaint { try rows("{\"a\": \"\(long)\" \u{1} \"\(long)\"}") }
    #expect(found.count < 200, "\(found)")
    #expect(found.contains("rows.jsonl:1:510: "), "\(found)")
    #expect(!found.unicodeScalars.contains("\u{1}"))
    #expect(!found.contains("\u{FFFD}"))
  }

  @Test func refusesWhatIsNotUTF8() {
    let bytes = Array("{\"a\": \"é".utf8) + [0xE9] + Array("\"}".utf8)
    let found = complaint { try rows(bytes: bytes) }
    #expect(
      found.hasPrefix("rows.jsonl:1:9: this is not UTF-8 text; save the file as UTF-8"),
      "\(found)")
  }

  @Test func missingFileIsSaidSo() {
    let url = URL(fileURLWithPath: "/nonexistent/rows.jsonl")
    #expect(throws: DataError.self) { try JSONLines(url: url) }
    do {
      _ = try JSONLines(url: url, name: "rows.jsonl")
    } catch {
      #expect(error.code == .missingFile)
      #expect(error.description.hasPrefix("rows.jsonl: there is no such file"))
    }
  }

  @Test func aDirectoryIsNoFile() {
    let found = complaint {
      try JSONLines(url: FileManager.default.temporaryDirectory, name: "data")
    }
    #expect(found == "data: this is a directory; name the .jsonl file inside it")
  }

  @Test func fuzzedBytesNeverStopTheReader() throws {
    var random = RandomStream(seed: 11)
    let line = Array((#"{"prompt": "é🙂\u00e9", "completion": "x\n"}"# + "\r\n").utf8)
    var bytes: [UInt8] = []
    for _ in 0..<1000 {
      var copy = line
      for _ in 0..<random.next(below: 3) {
        copy[random.next(below: copy.count)] = UInt8(random.next(below: 256))
      }
      bytes += copy
    }
    let file = try ScratchFile(bytes)
    var lines = try JSONLines(url: file.url, chunkSize: 97)
    var (good, bad) = (0, 0)
    while true {
      do {
        guard let record = try lines.next() else { break }
        _ = try record.object()
        good += 1
      } catch {
        #expect(error.line != nil)
        bad += 1
      }
    }
    #expect(good > 300)
    #expect(bad > 300)
  }

  @Test func readsThousandsOfRows() throws {
    let text = String(repeating: "lorem \\\"ipsum\\\" dolör\\n", count: 30)
    let line = #"{"messages": [{"role": "user", "content": "\#(text)"}]}"# + "\n"
    let file = try ScratchFile(String(repeating: line, count: 3000))
    var lines = try JSONLines(url: file.url)
    var count = 0
    while let record = try lines.next() {
      _ = try record.object()
      count += 1
    }
    #expect(count == 3000)
  }
}
