import Foundation
import HalterFormats
import HalterJSON
import HalterTokenizers
import Testing

@testable import HalterData

@Suite struct HDF5RowsTests {
  private func source(
    _ columns: [String: String] = [:], limit: Int? = nil, _ fill: (HDF5Writer) throws -> Void
  ) throws -> (DataSource, ScratchFolder) {
    let folder = try ScratchFolder()
    try HDF5Writer.write(to: folder.url.appendingPathComponent("a.h5"), fill)
    return (folder.source("a.h5", columns: columns, limit: limit), folder)
  }

  @Test func rowsAreElementsOfTheColumns() throws {
    let (source, folder) = try source { file in
      try file.write(["a", "é\"\n", ""], to: "prompt")
      try file.write(["b", "c", "d"], to: "completion")
      try file.write([Float(1), .nan, 0.5], to: "score")
    }
    defer { withExtendedLifetime(folder) {} }
    var reader = try SourceReader(source)
    var rows: [[String]] = []
    while let record = try reader.next() {
      let object = try record.object()
      rows.append([
        record.location.description, object["prompt"]?.string ?? "-",
        object["completion"]?.string ?? "-", object["score"]?.excerpt ?? "-",
      ])
    }
    #expect(
      rows == [
        ["data/a.h5:1", "a", "b", "1.0"], ["data/a.h5:2", "é\"\n", "c", "null"],
        ["data/a.h5:3", "", "d", "0.5"],
      ])
    #expect(reader.bytesRead == reader.byteCount)
  }

  @Test func manyRowsOfManyLengthsComeInOrder() throws {
    let texts = (0..<3000).map { String(repeating: "x", count: $0 % 700) + "\($0)" }
    let (source, folder) = try source { file in try file.write(texts, to: "text") }
    defer { withExtendedLifetime(folder) {} }
    #expect(try examples(source).flatMap(\.texts) == texts)
  }

  @Test func columnsInGroupsHaveTheirPathForAName() throws {
    let (source, folder) = try source(["text": "train/body"]) { file in
      try file.write(["a", "b"], to: "train/body")
    }
    defer { withExtendedLifetime(folder) {} }
    #expect(try examples(source).flatMap(\.texts) == ["a", "b"])
  }

  @Test func textsSpellLists() throws {
    let (source, folder) = try source { file in
      try file.write(
        [
          #"[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]"#, "[",
        ], to: "messages")
    }
    defer { withExtendedLifetime(folder) {} }
    #expect(
      complaint { try examples(source) }
        == "data/a.h5:2: messages: found text, expected a list of messages")
  }

  @Test func whatIsNoTableIsSaidSo() throws {
    let (source, folder) = try source { file in
      try file.write([Int32(1)], to: "a", shape: [1, 1])
    }
    defer { withExtendedLifetime(folder) {} }
    #expect(
      complaint { try examples(source) }
        == "data/a.h5: no dataset is a column: expected datasets of one axis, of texts or numbers")
    try folder.write("b.h5", "plain text")
    let found = complaint { try examples(folder.source("b.h5")) }
    #expect(found.hasPrefix("data/b.h5: this is not an HDF5 file"), "\(found)")
  }
}
