import Foundation
import HalterTokenizers
import Testing

@testable import HalterData

/// Parts of a source by what its rows say.
@Suite struct RowPartTests {
  private static let texts = (0..<2000).map { "row number \($0)" }

  private func read(
    _ part: RowPart, of texts: [String] = texts, limit: Int? = nil
  ) throws -> [String] {
    let folder = try ScratchFolder()
    try folder.write("a.jsonl", texts.map { "{\"text\": \"\($0)\"}\n" }.joined())
    let source = folder.source("a.jsonl")
    var reader = try ExampleReader(
      DataSource(path: source.path, name: "a.jsonl", part: part, limit: limit))
    var read: [String] = []
    while let example = try reader.next() { read += example.texts }
    return read
  }

  @Test func partsAreDisjointAndComplete() throws {
    let cuts = [0, 0.1, 0.55, 0.9, 1]
    let parts = try zip(cuts, cuts.dropFirst()).map { try read(RowPart(start: $0, end: $1)) }
    #expect(parts.flatMap { $0 }.sorted() == Self.texts.sorted())
    for (part, share) in zip(parts, [0.1, 0.45, 0.35, 0.1]) {
      #expect(abs(Double(part.count) / 2000 - share) < 0.04, "\(part.count) for \(share)")
    }
    #expect(try read(RowPart(start: 0.3, end: 0.3)).isEmpty)
  }

  @Test func theSideOfARowIsItsOwn() throws {
    let part = RowPart(start: 0, end: 0.5)
    let taken = Set(try read(part))
    #expect(Set(try read(part, of: Self.texts.reversed())) == taken)
    #expect(Set(try read(part, of: Self.texts + Self.texts)) == taken)
    #expect(
      try read(part, of: Array(Self.texts.prefix(100)))
        == Self.texts.prefix(100).filter(taken.contains)
    )
  }

  @Test func heldOutRowsAreTheOtherSide() throws {
    for part in [RowPart.all, RowPart(start: 0.2, end: 0.7)] {
      let whole = try read(RowPart(start: part.start, end: part.end))
      let learnt = try read(RowPart(start: part.start, end: part.end, holdOut: .without(0.1)))
      let held = try read(RowPart(start: part.start, end: part.end, holdOut: .only(0.1)))
      #expect((learnt + held).sorted() == whole.sorted())
      #expect(abs(Double(held.count) / Double(whole.count) - 0.1) < 0.03)
    }
  }

  @Test func theLimitCountsRowsOfThePart() throws {
    let part = RowPart(start: 0, end: 0.5)
    let whole = try read(part)
    #expect(try read(part, limit: 300) == Array(whole.prefix(300)))
    let learnt = try read(RowPart(start: 0, end: 0.5, holdOut: .without(0.2)), limit: 300)
    let held = try read(RowPart(start: 0, end: 0.5, holdOut: .only(0.2)), limit: 300)
    #expect((learnt + held).sorted() == whole.prefix(300).sorted())
  }

  @Test func nothingIsReadBeyondTheLimit() throws {
    let folder = try ScratchFolder()
    try folder.write("a.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\noops\n")
    let path = folder.url.path + "/a.jsonl"
    var reader = try ExampleReader(DataSource(path: path, part: .all, limit: 2))
    #expect(try reader.next() != nil)
    #expect(try reader.next() != nil)
    #expect(try reader.next() == nil)
  }
}
