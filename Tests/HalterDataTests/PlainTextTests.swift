import HalterData
import HalterJSON
import Testing

@Suite struct PlainTextTests {
  @Test func aFileIsARow() throws {
    let rows = try parsed("\u{FEFF}One.\r\n\n\"Two\" 🙂\n", .text, chunkSize: 3)
    #expect(rows.map(\.texts) == [["One.\r\n\n\"Two\" 🙂\n"]])
    #expect(rows.map(\.object.keys) == [["text"]])
    #expect(rows.map(\.location.description) == ["rows:1"])
  }

  @Test(arguments: ["", " \n\t\r\n"]) func nothingIsNoRow(text: String) throws {
    #expect(try parsed(text, .text).isEmpty)
  }

  @Test func whatIsNoTextIsRefused() {
    let latin = complaint {
      try parsed(bytes: Array("a\nbé".utf8) + [0xFC, 0x0A], .text)
    }
    #expect(latin.hasPrefix("rows:2:3: this is not UTF-8 text; save the file as UTF-8"), "\(latin)")
    let binary = complaint { try parsed("a\nb\0", .text) }
    #expect(binary.hasPrefix("rows:2:2: found a zero byte: this is no plain text"), "\(binary)")
  }
}
