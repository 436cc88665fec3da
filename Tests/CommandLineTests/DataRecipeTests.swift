import Foundation
import Testing

/// What a recipe says about its data, from end to end.
@Suite struct DataRecipeTests {
  private let work: Workshop

  init() throws {
    work = try Workshop()
    try work.write(Workshop.rows(Workshop.questions[0..<2]), to: "few.jsonl")
  }

  /// What `halter run tiny.yaml --dry-run` says with other data.
  private func plan(_ data: String, _ more: String...) throws -> String {
    try work.recipe(
      replacing: "{train: train.jsonl, validation: validation.jsonl}", by: "{\(data)}")
    return try work.succeeds("run", "tiny.yaml", "--dry-run").err
  }

  /// The rows to learn from and for validation, as the header counts them.
  private func rowCounts(_ said: String) throws -> [Int] {
    let lines = said.split(separator: "\n")
    let line = try #require(lines.first { $0.contains("more for validation") })
    return line.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
  }

  @Test("sources are drawn by their weights, and how many rows that makes is said (complaint 22)")
  func sourcesAreDrawnByWeight() throws {
    let said = try plan(
      "train: [{path: train.jsonl, weight: 0.5}, {path: few.jsonl, weight: 3}],"
        + " validation: validation.jsonl")
    #expect(said.contains("an epoch draws 4 rows"), "\(said)")
    #expect(said.contains("of train.jsonl"), "\(said)")
    #expect(said.contains("an epoch draws 6 rows"), "\(said)")
    // Two rows are in both files.
    #expect(said.contains("10 rows"), "\(said)")
  }

  @Test func equalRowsAreCountedAndLeftOutWhereAsked() throws {
    let sources = "train: [train.jsonl, few.jsonl], validation: validation.jsonl"
    let counted = try plan(sources)
    #expect(counted.contains("10 rows"), "\(counted)")
    #expect(counted.contains("few.jsonl:1"), "\(counted)")
    try work.recipe(replacing: "{\(sources)}", by: "{\(sources), deduplicate: exact}")
    let left = try work.succeeds("run", "tiny.yaml", "--dry-run").err
    #expect(left.contains("8 rows"), "\(left)")
  }

  @Test func aShareOfTheRowsIsHeldOutForValidation() throws {
    let said = try plan("train: train.jsonl, validation: 0.4")
    let counts = try rowCounts(said)
    #expect(counts.reduce(0, +) == 8, "\(said)")
    #expect(counts.count == 2 && counts.allSatisfy { $0 > 0 }, "\(said)")
  }

  @Test func partsOfASourceMakeTheWhole() throws {
    let said = try plan(
      "train: {path: train.jsonl, split: 0-0.6}, validation: {path: train.jsonl, split: 0.6-1}")
    let counts = try rowCounts(said)
    #expect(counts.reduce(0, +) == 8, "\(said)")
  }

  @Test func textIsPretrainedWithoutATemplate() throws {
    try work.write(String(repeating: "One text about many things. ", count: 30), to: "text.txt")
    try work.recipe(replacing: "method: sft", by: "method: pretrain")
    let said = try plan("train: text.txt, max_length: 32")
    #expect(said.contains("pretrain"), "\(said)")
    #expect(said.contains("(text)"), "\(said)")
  }

  @Test func batchesSayHowFullTheyAre() throws {
    let said = try plan("train: train.jsonl, validation: validation.jsonl")
    #expect(said.contains("batches are full but for "), "\(said)")
  }
}
