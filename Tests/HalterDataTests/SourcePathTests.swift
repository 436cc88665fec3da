import Foundation
import HalterTokenizers
import Testing

@testable import HalterData

/// Files, patterns and directories.
@Suite struct SourcePathTests {
  private static let row = #"{"prompt": "a", "completion": "b"}"#

  private func folder(_ names: String...) throws -> ScratchFolder {
    let folder = try ScratchFolder()
    for name in names { try folder.write(name, Self.row) }
    return folder
  }

  @Test(arguments: [
    ("*.jsonl", ["a.jsonl", "b.jsonl"]), ("?.jsonl", ["a.jsonl", "b.jsonl"]),
    ("[ac].*", ["a.jsonl", "c.json"]), ("[!ab].*", ["c.json"]), ("[a-b]*", ["a.jsonl", "b.jsonl"]),
    ("**/*.jsonl", ["a.jsonl", "b.jsonl", "s/d.jsonl", "s/t/é.jsonl"]),
    ("**", ["a.jsonl", "b.jsonl", "c.json", "s/d.jsonl", "s/t/é.jsonl"]),
    ("*/*.jsonl", ["s/d.jsonl"]), ("s/**/?.jsonl", ["s/d.jsonl", "s/t/é.jsonl"]),
    (".*.jsonl", [".hidden.jsonl"]), ("s/*/*", ["s/t/é.jsonl"]), ("*a*.*l", ["a.jsonl"]),
  ]) func patternsFindFiles(pattern: String, expected: [String]) throws {
    let folder = try folder(
      "b.jsonl", "a.jsonl", "c.json", ".hidden.jsonl", "s/d.jsonl", "s/t/é.jsonl", ".h/x.jsonl")
    let files = try folder.source(pattern).files()
    #expect(files.map(\.name) == expected.map { "data/" + $0 })
    #expect(files.map(\.url.path) == expected.map { folder.url.path + "/" + $0 })
    #expect(SourceFile.exists(folder.url.path + "/" + pattern))
  }

  @Test(arguments: [
    ("*", "", true), ("*", "abc", true), ("a*c", "abbc", true), ("a*c", "abcd", false),
    ("*a*b*", "xxaxxbxx", true), ("a[]x]c", "a]c", true), ("a[b", "a[b", true),
    ("?", "🙂", true), ("??", "🙂", false), ("*.json", ".json", false), ("a", "a.", false),
    ("[a-", "[a-", true), ("[z-a]", "m", false), ("***a", "bca", true),
  ]) func namesAreMatched(pattern: String, name: String, matches: Bool) {
    #expect(PathPattern.matches(Array(name.utf8)[...], Array(pattern.utf8)[...]) == matches)
  }

  @Test func aPatternOfManyStarsIsNotSlow() {
    let name = [UInt8](repeating: 0x61, count: 255)
    let pattern = Array(String(repeating: "*a", count: 60).utf8) + [0x62]
    #expect(!PathPattern.matches(name[...], pattern[...]))
  }

  @Test func aLinkInACircleDoesNotMatter() throws {
    let folder = try folder("s/a.jsonl")
    try FileManager.default.createSymbolicLink(
      at: folder.url.appendingPathComponent("s/up"), withDestinationURL: folder.url)
    try FileManager.default.createSymbolicLink(
      at: folder.url.appendingPathComponent("b.jsonl"),
      withDestinationURL: folder.url.appendingPathComponent("s/a.jsonl"))
    #expect(
      try folder.source("**/*.jsonl").files().map(\.name) == ["data/b.jsonl", "data/s/a.jsonl"])
  }

  @Test func aFileMayBeCalledLikeAPattern() throws {
    let folder = try folder("[a]*.jsonl", "ab.jsonl")
    #expect(try folder.source("[a]*.jsonl").files().map(\.name) == ["data/[a]*.jsonl"])
  }

  @Test func aDirectoryIsAllItsRows() throws {
    let folder = try folder("b.jsonl", ".a.jsonl", "c.dat", "LICENSE", "s/d.jsonl")
    try folder.write("README.md", "Read me.")
    try folder.write("a.csv", "prompt,completion\nc,d\n")
    let source = folder.source("")
    #expect(try source.files().map(\.name) == ["data/a.csv", "data/b.jsonl"])
    let read = try examples(source)
    #expect(read.flatMap(\.texts) == ["c", "d", "a", "b"])
    #expect(read.map(\.location.description) == ["data/a.csv:2", "data/b.jsonl:1"])
  }

  @Test func aDirectoryOfTextsIsTexts() throws {
    let folder = try ScratchFolder()
    for name in ["b.txt", "a.md", ".c.txt"] { try folder.write(name, "x") }
    #expect(try folder.source("").files().map(\.name) == ["data/a.md", "data/b.txt"])
    try folder.write("c.jsonl", "")
    #expect(try folder.source("").files().map(\.name) == ["data/c.jsonl"])
    #expect(
      try folder.source("", format: .text).files().map(\.name) == ["data/a.md", "data/b.txt"])
  }

  @Test func parquetIsNotPassedOver() throws {
    let folder = try folder("a.jsonl")
    try folder.write("b.parquet", "PAR1")
    let found = complaint { try examples(folder.source("")) }
    #expect(found.hasPrefix("data/b.parquet: this is a Parquet file"), "\(found)")
  }

  @Test func nothingIsSaidSo() throws {
    let folder = try folder("s/a.jsonl")
    try folder.write("LICENSE", "x")
    #expect(
      complaint { try examples(folder.source("*.csv")) }
        == "data/*.csv: no file matches this pattern; patterns are relative to the recipe")
    #expect(!SourceFile.exists(folder.url.path + "/*.csv"))
    let found = complaint { try examples(folder.source("")) }
    #expect(found.hasPrefix("data: no data file is in this directory; expected one"), "\(found)")
    #expect(found.hasSuffix("write a pattern such as **/*.jsonl"), "\(found)")
    #expect(
      complaint { try examples(folder.source("none.jsonl")) }
        == "data/none.jsonl: there is no such file; paths are relative to the recipe")
  }

  @Test func emptyFilesAmongOthersDoNotMatter() throws {
    let folder = try folder("b.jsonl")
    try folder.write("a.jsonl", "")
    try folder.write("c.jsonl", "\n")
    #expect(try examples(folder.source("*")).count == 1)
    try folder.write("b.jsonl", "")
    #expect(
      complaint { try examples(folder.source("*")) }
        == "data/*: all 3 files are empty: expected one JSON object a line")
  }

  @Test func theLimitIsOfTheSource() throws {
    let folder = try folder("a.jsonl", "b.jsonl", "c.jsonl")
    #expect(try examples(folder.source("*.jsonl", limit: 2)).count == 2)
  }
}
