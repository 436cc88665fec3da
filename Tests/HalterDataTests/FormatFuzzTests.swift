import Foundation
import HalterData
import HalterRandom
import Testing

/// Files with random faults give rows or an error that names the file, whatever their format.
@Suite struct FormatFuzzTests {
  private static let texts: [(name: String, text: String)] = [
    (
      "rows.csv",
      "prompt,completion\r\n\"a \"\"b\"\", c\",d\r\n\"two\nlines\",é🙂\r\nplain,answer\r\n"
    ),
    ("rows.tsv", "prompt\tcompletion\na\tb\n\"c\td\"\te\n"),
    (
      "rows.json",
      #"[{"prompt": "a", "completion": "b\n"}, {"prompt": "é🙂", "completion": "{[\"]}"}]"#
    ),
    (
      "rows.jsonl",
      #"{"messages": [{"role": "user", "content": "a"}, "#
        + #"{"role": "assistant", "content": "b"}]}"# + "\n"
    ),
    ("rows.txt", "One text.\n\nAnd another."),
  ]

  @Test(arguments: texts.map(\.name), 0..<200)
  func faultsNeverStopTheReader(name: String, seed: Int) throws {
    let text = try #require(Self.texts.first { $0.name == name }).text
    var random = RandomStream(seed: UInt64(seed), name: name)
    var bytes = Array(text.utf8)
    for _ in 0..<1 + random.next(below: 4) {
      let at = random.next(below: bytes.count)
      switch random.next(below: 3) {
      case 0: bytes[at] = UInt8(random.next(below: 256))
      case 1: bytes.insert(UInt8(random.next(below: 256)), at: at)
      default: if bytes.count > 1 { bytes.remove(at: at) }
      }
    }
    let folder = FileManager.default.temporaryDirectory.appending(path: "fuzz-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appending(path: name)
    try Data(bytes).write(to: url)
    do {
      _ = try examples(DataSource(path: url.path, name: name))
    } catch let error as DataError {
      #expect(error.file == name, "\(error)")
      #expect(!error.message.isEmpty)
    }
  }
}
