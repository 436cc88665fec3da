import Foundation
import Testing

/// What one can see of data before training on it.
@Suite struct DataCommandTests {
  private let work: Workshop

  init() throws {
    work = try Workshop()
  }

  @Test func aPreviewSetsTrainedTokensOff() throws {
    let result = try work.succeeds("data", "preview", "tiny.yaml", "-n", "1")
    // The stop token is learnt, the line break behind it is not.
    #expect(result.out.contains("⟦A file that says what to train.<|im_end|>⟧\n"), "\(result.out)")
    #expect(result.out.contains("What is a recipe?<|im_end|>"), "\(result.out)")
    #expect(result.out.contains("8 of 8 rows read are kept"), "\(result.out)")
    #expect(!result.out.contains("What is LoRA?"), "\(result.out)")
  }

  @Test func aPreviewAsJSONHasARowEachAndThenTheCounts() throws {
    let result = try work.succeeds(
      "data", "preview", "tiny.yaml", "--validation", "--json", "--quiet", "--from", "2")
    #expect(result.err == "")
    let objects = try Metrics.objects(result.out)
    #expect(objects.count == 2)
    #expect(objects[0]["line"] as? Int == 2)
    let runs = try #require(objects[0]["runs"] as? [[String: Any]])
    #expect(runs.filter { $0["weight"] as? Double == 1 }.count == 1)
    #expect(objects[1]["rows"] as? Int == 2)
    #expect(objects[1]["layouts"] as? [String] == ["messages"])
  }

  @Test func aPreviewFollowsTheOverrides() throws {
    let result = try work.succeeds(
      "data", "preview", "tiny.yaml", "data.train_on=all", "data.max_length=30", "-n", "1")
    #expect(result.out.contains("too long, left out: "), "\(result.out)")
  }

  @Test func statisticsCountBothSets() throws {
    let shown = try work.succeeds("data", "stats", "tiny.yaml")
    #expect(shown.out.contains("8 of 8 rows read are kept"), "\(shown.out)")
    #expect(shown.out.contains("Latin 100 %"), "\(shown.out)")
    #expect(shown.out.contains("█"), "\(shown.out)")
    let objects = try Metrics.objects(
      try work.succeeds("data", "stats", "tiny.yaml", "--json", "--quiet").out)
    #expect(objects.map { $0["name"] as? String } == ["train", "validation"])
    let counts = try #require(objects[0]["counts"] as? [String: Any])
    #expect(counts["rows"] as? Int == 8)
    let lengths = try #require(objects[0]["lengths"] as? [String: Int])
    #expect(lengths["p100"] == counts["longest"] as? Int)
    #expect((lengths["p0"] ?? 0) <= (lengths["p50"] ?? 0))
  }

  @Test func rowsAreConvertedIntoANewFile() throws {
    let result = try work.succeeds(
      "data", "convert", "train.jsonl", "--to", "sharegpt", "--output", "turns.jsonl")
    #expect(result.out == "turns.jsonl\n")
    #expect(result.err.contains("8 rows of layout messages read, 8 written as sharegpt"))
    let objects = try Metrics.objects(try work.read("turns.jsonl"))
    #expect(objects.count == 8)
    try work.fails(
      73, "data", "convert", "train.jsonl", "--to", "alpaca", "--output", "turns.jsonl",
      saying: ["turns.jsonl", "exists"])
  }

  @Test func aRowThatCannotBeConvertedLeavesNoFile() throws {
    let rows = try work.read("train.jsonl")
    try work.write(
      rows + #"{"messages": [{"role": "user", "content": "x"}]}"# + "\n", to: "b.jsonl")
    try work.fails(
      65, "data", "convert", "b.jsonl", "--to", "alpaca", "-o", "out.jsonl",
      saying: ["b.jsonl:9"])
    #expect(!work.exists("out.jsonl"))
  }

  @Test func aFaultyRowIsNamed() throws {
    try work.write(#"{"messages": [{"role": "user", "content": 3}]}"# + "\n", to: "train.jsonl")
    try work.fails(
      65, "data", "preview", "tiny.yaml", "--quiet",
      saying: ["train.jsonl:1", "messages[0].content", "expected text"])
  }

  @Test func validationRowsThatThereAreNotAreSaidSo() throws {
    try work.recipe(replacing: ", validation: validation.jsonl", by: "")
    try work.fails(
      65, "data", "preview", "tiny.yaml", "--validation", "--quiet",
      saying: ["tiny.yaml", "no data.validation"])
  }
}
