import Foundation
import HalterTokenizers
import Testing

@testable import HalterData

/// How a file is written is told from its name and its first bytes.
@Suite struct DataFormatTests {
  private static let row = #"{"prompt": "a", "completion": "b"}"#

  private func read(_ name: String, _ text: String, format: DataFormat? = nil) throws -> [String] {
    try read(name, bytes: Array(text.utf8), format: format)
  }

  private func read(
    _ name: String, bytes: [UInt8], format: DataFormat? = nil
  ) throws -> [String] {
    let folder = try ScratchFolder()
    try folder.write(name, bytes)
    return try examples(folder.source(name, format: format)).flatMap(\.texts)
  }

  @Test(arguments: [
    ("a.jsonl", row), ("a.ndjson", row), ("a.json", "[\(row)]"), ("a.json", row),
    ("a.JSON", "\n [\(row)]"), ("a.csv", "prompt,completion\na,b\n"),
    ("a.tsv", "prompt\tcompletion\na\tb\n"), ("rows", row), ("rows.data", "[\(row)]"),
  ]) func theFormatIsTold(name: String, text: String) throws {
    #expect(try read(name, text) == ["a", "b"])
  }

  @Test(arguments: [
    (
      "jsonl",
      "H4sIAAAAAAACA6tWKijKzy0oUbJSUEpU0lFQSgbyclJLMvPzQEJJSrVc1UhKkjGVpACVAACMpDFhRgAAAA=="
    ),
    ("csv", "H4sIAAAAAAACAysoys8tKNFJBpI5qSWZ+XlciTpJXMk6KVwA8F+R7hoAAAA="),
    (
      "json", "H4sIAAAAAAACA4uuViooys8tKFGyUlBKVNJRUEoG8nJSSzLz80BCSUq1OlzIapIx1aQo1cYCALgS0ctIAAAA"
    ),
  ]) func packedFilesAreReadWhateverTheirName(format: String, packed: String) throws {
    let bytes = Array(try #require(Data(base64Encoded: packed)))
    for name in ["a.\(format).gz", "a.\(format)"] {
      #expect(try read(name, bytes: bytes) == ["a", "b", "c", "d"], "\(name)")
    }
    let cut = complaint { try read("a.\(format).gz", bytes: Array(bytes.dropLast(4))) }
    #expect(cut.contains("the gzip data ends too early, after "), "\(cut)")
    #expect(cut.hasPrefix("data/a.\(format).gz"), "\(cut)")
  }

  @Test func theRecipeHasTheLastWord() throws {
    #expect(try read("a.txt", Self.row, format: .jsonl) == ["a", "b"])
    #expect(try read("a.dat", "prompt,completion\na,b\n", format: .csv) == ["a", "b"])
    #expect(try read("a.csv", "{,completion,prompt\n1,b,a\n", format: .csv) == ["a", "b"])
  }

  @Test(
    arguments: [
      (
        "a.jsonl", "[\(row)]", nil,
        "the name says jsonl, but the file begins with a JSON list, `[`; say `format: json`"
      ),
      (
        "a.csv", row, nil,
        "the name says csv, but the file begins with a JSON object, `{`; say `format: jsonl`"
      ),
      (
        "a.txt", row, DataFormat.json,
        "the recipe says `format: json`, but the file begins with a JSON object, `{`; say"
          + " `format: jsonl`"
      ),
      (
        "a.jsonl.gz", row, nil,
        "the name says gzip, but the file is not packed; rename it without .gz"
      ),
      (
        "a.dat", "prompt,completion", nil,
        "the format cannot be told from the file's name or its first bytes; name it with `format:`,"
          + " one of `jsonl`, `json`, `csv`, `tsv`, `text`, `hdf5`"
      ),
      (
        "a.parquet", "PAR1....PAR1", nil,
        "this is a Parquet file, which is not read; convert it, as with pandas:"
          + " read_parquet(…).to_json(…, orient=\"records\", lines=True)"
      ),
      ("a.zip", "PK\u{3}\u{4}", nil, "this is a zip archive, which is not read; unpack it (unzip)"),
    ] as [(String, String, DataFormat?, String)])
  func contradictionsAreSaid(name: String, text: String, format: DataFormat?, expected: String) {
    #expect(complaint { try read(name, text, format: format) } == "data/\(name): \(expected)")
  }

  @Test(
    arguments: [
      ([0x28, 0xB5, 0x2F, 0xFD, 0], "packed with zstd"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "xz"),
      ([0xFF, 0xFE, 0x7B, 0x00], "UTF-16 text, which is not read; save it as UTF-8"),
      (
        [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A],
        "the file is to be jsonl, but it is an HDF5 file; rename it to .h5, or say `format: hdf5`"
      ),
    ] as [([UInt8], String)]) func foreignBytesAreNamed(bytes: [UInt8], expected: String)
  {
    let found = complaint { try read("a.jsonl", bytes: bytes) }
    #expect(found.contains(expected), "\(found)")
  }

  @Test(arguments: [
    ("a.jsonl", "", "the file is empty: expected one JSON object a line"),
    ("a.json", "[]", "the file is empty: expected a list of JSON objects, [{…}, {…}]"),
    ("a.csv", "prompt,completion\n", "the file is empty: expected rows below the header"),
    ("a.txt", "\n", "the file is empty: expected text"),
  ]) func nothingIsSaidSo(name: String, text: String, expected: String) {
    #expect(complaint { try read(name, text) } == "data/\(name): \(expected)")
  }

  @Test func aPipeIsRefused() throws {
    let folder = try ScratchFolder()
    let pipe = folder.url.appendingPathComponent("rows.jsonl")
    #expect(mkfifo(pipe.path, 0o600) == 0)
    let found = complaint { try examples(folder.source("rows.jsonl")) }
    #expect(found.hasPrefix("data/rows.jsonl: this is a pipe or a device"), "\(found)")
  }
}
