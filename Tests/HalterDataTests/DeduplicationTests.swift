import Foundation
import HalterTokenizers
import Testing

@testable import HalterData

/// Rows that stand there already: left out or told, in train and in validation.
@Suite struct DeduplicationTests {
  private static let words = (0..<40).map { "word\($0)" }.joined(separator: " ")
  /// Rows 3 and 5 repeat row 1, row 4 nearly repeats row 2.
  private static let train = [
    row("a", "b"), row("a", words), row(" a", "b\\n"), row("A!", words + "."), row("a", "b"),
    row("a", "c"),
  ]

  private static func row(_ question: String, _ answer: String) -> String {
    #"{"prompt": "\#(question)", "completion": "\#(answer)"}"#
  }

  private func encoder(_ length: LengthPolicy = LengthPolicy()) throws -> ExampleEncoder {
    ExampleEncoder(
      renderer: PromptRenderer(
        tokenizer: try TinyTokenizer.make(), template: try ChatTemplate.named("chatml")),
      length: length)
  }

  private func data(
    _ rows: [String], _ deduplication: Deduplication, apartFrom others: [String] = [],
    threads: Int = 1, length: LengthPolicy = LengthPolicy()
  ) throws -> Dataset {
    let folder = try ScratchFolder()
    try folder.write("a.jsonl", rows.joined(separator: "\n"))
    try folder.write("b.jsonl", others.joined(separator: "\n"))
    return try Dataset(
      reading: [folder.source("a.jsonl")], encoder: encoder(length),
      deduplication: deduplication,
      apartFrom: others.isEmpty ? [] : [folder.source("b.jsonl")], threads: threads)
  }

  private func lines(_ data: Dataset) throws -> [Int] {
    try (0..<data.count).map { try data.row($0).location.line }
  }

  @Test(arguments: [1, 3]) func theFirstOfEqualRowsStays(threads: Int) throws {
    let data = try data(Self.train, .exact, threads: threads)
    #expect(try lines(data) == [1, 2, 4, 6])
    #expect(data.statistics.rowsRead == 6)
    #expect(data.statistics.rows == 4)
    #expect(data.statistics.dropped(.repeated).first.map(\.line) == [3, 5])
    #expect(
      data.statistics.notes
        == ["equal to an earlier row, left out: 2 (data/a.jsonl:3, data/a.jsonl:5)"])
  }

  @Test(arguments: [1, 3]) func theFirstOfNearlyEqualRowsStays(threads: Int) throws {
    let data = try data(Self.train, .near, threads: threads)
    #expect(try lines(data) == [1, 2, 6])
    #expect(
      data.statistics.notes == [
        "equal to an earlier row, left out: 2 (data/a.jsonl:3, data/a.jsonl:5)",
        "nearly equal to an earlier row, left out: 1 (data/a.jsonl:4)",
      ])
  }

  @Test func equalRowsAreToldWhereTheyStay() throws {
    let data = try data(Self.train, .none)
    #expect(data.count == 6)
    #expect(
      data.statistics.notes == [
        "equal to an earlier row, kept: 2 (data/a.jsonl:3, data/a.jsonl:5);"
          + " `deduplicate: exact` leaves them out"
      ])
  }

  @Test func rowsOfTrainingAreNoneOfValidation() throws {
    let rows = [Self.row("x", "y"), Self.row("a", "b"), Self.row("a", Self.words + "!")]
    let told = try data(rows, .none, apartFrom: Self.train)
    #expect(told.count == 3)
    #expect(told.statistics.alsoTrained.first.map(\.line) == [2])
    #expect(told.statistics.notes[0].hasPrefix("also among the training rows, kept: 1 (data/a."))
    let exact = try data(rows, .exact, apartFrom: Self.train)
    #expect(try lines(exact) == [1, 3])
    #expect(
      exact.statistics.notes == ["also among the training rows, left out: 1 (data/a.jsonl:2)"])
    #expect(try lines(try data(rows, .near, apartFrom: Self.train)) == [1])
  }

  @Test func whatIsLeftOutAnywayIsRepeatedByNone() throws {
    // The first of two nearly equal rows is too long to be kept.
    let rows = [Self.row("a", Self.words + " and"), Self.row("a", Self.words), Self.row("a", "b")]
    let all = try data(rows, .none)
    let data = try data(rows, .near, length: LengthPolicy(maxLength: all.lengths[1]))
    #expect(try lines(data) == [2, 3])
    #expect(data.statistics.dropped(.tooLong).count == 1)
  }

  @Test func nothingLeftSaysWhy() throws {
    #expect(
      complaint { try data([Self.row("a", "b")], .exact, apartFrom: Self.train) }
        == "data/a.jsonl: none of the 1 rows is left to train on; also among the training rows: 1"
        + " (data/a.jsonl:1)")
  }

  @Test func sharesOfASourceAreDisjointAtAnyNumberOfThreads() throws {
    let folder = try ScratchFolder()
    let rows = (0..<400).map { Self.row("question \($0 % 300)", "answer \($0 % 300)") }
    try folder.write("a.jsonl", rows.joined(separator: "\n"))
    func read(_ holdOut: RowPart.HoldOut, limit: Int?, threads: Int) throws -> [Int] {
      let source = DataSource(
        path: folder.url.path + "/a.jsonl", part: RowPart(start: 0, end: 0.8, holdOut: holdOut),
        limit: limit)
      return try lines(Dataset(reading: [source], encoder: encoder(), threads: threads))
    }
    for limit in [nil, 100] {
      let whole = try read(.none, limit: limit, threads: 1)
      let learnt = try read(.without(0.2), limit: limit, threads: 1)
      let held = try read(.only(0.2), limit: limit, threads: 1)
      #expect((learnt + held).sorted() == whole)
      #expect(limit == nil || whole.count == 100)
      #expect(held.count > whole.count / 10 && held.count < whole.count / 3, "\(held.count)")
      #expect(try read(.without(0.2), limit: limit, threads: 4) == learnt)
      // Rows 301 to 400 repeat rows 1 to 100: each is on the side of its twin.
      if limit == nil {
        for line in held where line > 300 { #expect(held.contains(line - 300)) }
      }
    }
  }

  @Test func nothingBehindTheLimitIsRead() throws {
    let folder = try ScratchFolder()
    let rows = (0..<50).map { Self.row("\($0)", "b") } + ["oops"] + (0..<900).map { _ in "[" }
    try folder.write("a.jsonl", rows.joined(separator: "\n"))
    for threads in [1, 3] {
      let source = DataSource(
        path: folder.url.path + "/a.jsonl", part: RowPart(start: 0, end: 0.9), limit: 20)
      #expect(
        try Dataset(reading: [source], encoder: encoder(), threads: threads).count == 20)
    }
  }

  @Test func aPartWithoutRowsIsSaidSo() throws {
    let folder = try ScratchFolder()
    try folder.write("a.jsonl", Self.row("a", "b"))
    let parts = [RowPart(holdOut: .only(0.5)), RowPart(holdOut: .without(0.5))]
    let found = parts.map { part in
      complaint {
        try Dataset(
          reading: [DataSource(path: folder.url.path + "/a.jsonl", name: "a", part: part)],
          encoder: encoder())
      }
    }
    #expect(
      found.filter { !$0.isEmpty } == [
        "a: no row falls into the part that is taken; make the `split` or the share of"
          + " `validation` larger, or give more rows"
      ])
  }

  @Test func theKeyFollowsThePolicyAndTheOthers() throws {
    let encoder = try encoder()
    func key(
      _ deduplication: Deduplication, _ others: String? = nil, _ part: RowPart = .all
    ) throws -> TokenCacheKey {
      TokenCacheKey(
        sources: [(DataSource(path: "/a", part: part), "1")], encoder: encoder,
        deduplication: deduplication, apartFrom: others)
    }
    let keys = [
      try key(.none), try key(.exact), try key(.near), try key(.exact, "1"), try key(.exact, "2"),
      try key(.none, nil, RowPart(end: 0.5)), try key(.none, nil, RowPart(holdOut: .only(0.5))),
      try key(.none, nil, RowPart(holdOut: .without(0.5))),
    ]
    #expect(Set(keys.map(\.digest)).count == keys.count)
    #expect(keys[1].changes(since: keys[0]) == ["deduplicate"])
    #expect(keys[4].changes(since: keys[3]) == ["the rows that these are held against"])
  }
}
