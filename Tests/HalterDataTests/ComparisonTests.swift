import Foundation
import HalterFormats
import HalterTokenizers
import Testing

@testable import HalterData

/// Rows of answers that are compared.
@Suite struct ComparisonTests {
  private let encoding: Encoding

  init() throws {
    let plain = try Encoding()
    let renderer = try #require(plain.encoder.renderer)
    encoding = Encoding(ExampleEncoder(comparing: renderer), plain.tokenizer)
  }

  private func encoder(_ policy: LengthPolicy) throws -> Encoding {
    Encoding(
      ExampleEncoder(comparing: try #require(encoding.encoder.renderer), length: policy),
      encoding.tokenizer)
  }

  private func row(_ text: String) throws -> TokenizedRow {
    try #require(try encoding.encode(text).rows.first)
  }

  @Test func aPairIsBothAnswersWithThePromptBeforeEach() throws {
    let row = try row(#"{"prompt": "q", "chosen": "good", "rejected": "b", "margin": 0.5}"#)
    let comparison = try #require(row.comparison)
    let text = encoding.tokenizer.decode(row.tokens, skipSpecial: false)
    let prompt = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n"
    #expect(text == "\(prompt)good<|im_end|>\n\(prompt)b<|im_end|>\n")
    #expect(Int(comparison.lengths[0] + comparison.lengths[1]) == row.tokens.count)
    #expect(comparison.margin == 0.5 && comparison.level == nil && comparison.isSafe == [])
    let shared = row.tokens.prefix(Int(comparison.promptLength))
    #expect(encoding.tokenizer.decode(Array(shared), skipSpecial: false) == prompt)
    // The better answer alone could be learnt.
    #expect(TinyTokenizer.marked(row, encoding.tokenizer).contains("«good<|im_end|>»"))
    #expect(row.lossWeights[Int(comparison.lengths[0])...].allSatisfy { $0 == 0 })
  }

  @Test func aBatchOfPairsHasASegmentForEachAnswer() throws {
    let pair = try row(#"{"prompt": "q", "chosen": "good", "rejected": "b"}"#)
    let three = try row(#"{"prompt": "q", "responses": ["a", "bb", "ccc"]}"#)
    let batch = Batch(rows: [pair, three])
    #expect(batch.rowCount == 5)
    let lengths = zip(batch.segments, batch.segments.dropFirst()).map { $1 - $0 }
    #expect(lengths == (pair.comparison?.lengths ?? []) + (three.comparison?.lengths ?? []))
    for (start, length) in zip(batch.segments, lengths) {
      #expect(batch.positions[Int(start)..<Int(start + length)] == Array(0..<length)[...])
    }
  }

  @Test func onePromptHasOneNumber() throws {
    let one = try row(#"{"prompt": "q", "chosen": "good", "rejected": "b"}"#)
    let same = try row(#"{"prompt": "q", "responses": ["x", "y"]}"#)
    let other = try row(#"{"prompt": "r", "chosen": "good", "rejected": "b"}"#)
    #expect(one.comparison?.prompt == same.comparison?.prompt)
    #expect(one.comparison?.prompt != other.comparison?.prompt)
  }

  @Test(arguments: [
    ("significantly better", PreferenceLevel.significantly), ("Better", .better),
    ("slightly better", .slightly), ("negligibly better / unsure", .negligibly),
    ("negligibly better", .negligibly),
  ]) func levelsAreRead(words: String, level: PreferenceLevel) throws {
    let row = try row(
      #"{"prompt": "q", "chosen": "g", "rejected": "b", "preference": "\#(words)"}"#)
    #expect(row.comparison?.level == level)
  }

  @Test func safetyIsRead() throws {
    let row = try row(
      #"{"prompt": "q", "chosen": "g", "rejected": "b", "chosen_safe": true, "#
        + #""rejected_safe": false}"#)
    #expect(row.comparison?.isSafe == [true, false])
    let half = try self.row(
      #"{"prompt": "q", "chosen": "g", "rejected": "b", "rejected_safe": false}"#)
    #expect(half.comparison?.isSafe == [nil, false])
  }

  @Test func rankedAnswersGoByTheirScores() throws {
    let row = try row(
      #"{"prompt": "q", "responses": ["low", "high", "middle"], "scores": [1, 9, 4.5]}"#)
    let text = encoding.tokenizer.decode(row.tokens, skipSpecial: false)
    let found = ["high", "middle", "low"].map { text.range(of: $0)?.lowerBound }
    #expect(found.allSatisfy { $0 != nil })
    #expect(found.compactMap { $0 } == found.compactMap { $0 }.sorted())
  }

  // MARK: - What is left out or refused

  @Test(arguments: [
    (#"{"prompt": "q", "chosen": "g", "rejected": "g"}"#, EncodedExample.Drop.sameAnswers),
    (#"{"prompt": "q", "chosen": "g", "rejected": ""}"#, .emptyAnswer),
    (#"{"prompt": "q", "chosen": " ", "rejected": "b"}"#, .emptyAnswer),
    (#"{"prompt": "q", "responses": ["a", "b", "a"]}"#, .sameAnswers),
  ]) func whatTeachesNothingIsLeftOut(row: String, drop: EncodedExample.Drop) throws {
    let encoded = try encoding.encode(row)
    #expect(encoded.drop == drop && encoded.rows.isEmpty)
  }

  @Test func aPairIsNeverCut() throws {
    let row = #"{"prompt": "q", "chosen": "good", "rejected": "aaaaaaaaaaaaaaaaaaaaaaaaa"}"#
    let whole = try #require(try encoding.encode(row).rows.first?.comparison)
    let longest = Int(whole.lengths[1])
    #expect(try encoder(LengthPolicy(maxLength: longest)).encode(row).drop == nil)
    let dropped = try encoder(LengthPolicy(maxLength: longest - 1)).encode(row)
    #expect(dropped.drop == .tooLong && dropped.rows.isEmpty && !dropped.isCut)
    let error = #expect(throws: DataError.self) {
      try encoder(LengthPolicy(maxLength: longest - 1, onOverflow: .error)).encode(row)
    }
    #expect(error?.code == .tooLong)
  }

  @Test(arguments: [
    (#"{"prompt": "q", "chosen": "g"}"#, "preference", "the column `rejected` is missing"),
    (#"{"prompt": "q", "chosen": "g", "rejected": "b", "margin": "much"}"#, nil, "margin: found"),
    (#"{"prompt": "q", "chosen": "g", "rejected": "b", "margin": -1}"#, nil, "margin: found -1"),
    (#"{"prompt": "q", "chosen": "g", "rejected": "b", "margin": 1e99}"#, nil, "margin: found"),
    (
      #"{"prompt": "q", "chosen": "g", "rejected": "b", "chosen_safe": "yes"}"#, nil,
      "chosen_safe: found \"yes\", expected true or false"
    ),
    (#"{"prompt": "q", "responses": ["a"]}"#, nil, "responses: found one answer"),
    (#"{"prompt": "q", "responses": "a"}"#, nil, "responses: found"),
    (
      #"{"prompt": "q", "responses": ["a", "b"], "scores": [1]}"#, nil,
      "scores: found"
    ),
    (
      #"{"prompt": "q", "responses": ["a", "b"], "scores": [1, 1]}"#, nil,
      "scores: two answers have the same score"
    ),
    (
      #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#,
      nil, "`method: reward` compares answers"
    ),
    (#"{"text": "a"}"#, nil, "`method: reward` compares answers"),
  ]) func whatIsNoComparisonIsRefused(row: String, layout: String?, words: String) throws {
    let error = #expect(throws: DataError.self) { try encoding.encode(row, layout: layout) }
    #expect(
      error?.description.hasPrefix("rows.jsonl:1: " + words) == true, "\(error?.description ?? "")")
  }

  @Test func fineTuningRefusesRankedAnswers() throws {
    let error = #expect(throws: DataError.self) {
      try Encoding().encode(#"{"prompt": "q", "responses": ["a", "b"]}"#)
    }
    #expect(error?.description.contains("method: reward") == true)
  }

  // MARK: - The cache

  @Test func comparisonsComeBackFromTheCache() throws {
    let texts = [
      #"{"prompt": "q", "chosen": "good", "rejected": "b", "margin": 0.5, "preference": "better"}"#,
      #"{"prompt": "r", "responses": ["a", "bb", "ccc"]}"#,
      #"{"prompt": "s", "chosen": "good", "rejected": "b", "rejected_safe": false}"#,
    ]
    let rows = try texts.map(row)
    try withScratchDirectory { directory throws in
      let url = directory.appendingPathComponent("a.h5")
      let key = TokenCacheKey([TokenCacheKey.Part(name: "a", title: "a", value: "1")])
      try TokenCacheWriter.write(to: url, key: key) { writer in
        for row in rows { try writer.append(row, source: 0) }
        return DatasetSummary(statistics: DatasetStatistics(), layouts: [])
      }
      let cache = try TokenCache(url, key: key)
      for index in [2, 0, 1] {
        #expect(try cache.row(index) == rows[index])
        #expect(cache.comparison(ofRow: index) == rows[index].comparison)
      }
      #expect(Dataset(cache).contentHash == Dataset(rows).contentHash)
    }
  }

  @Test func marginsAreAPartOfTheFingerprint() throws {
    func hash(_ margin: String) throws -> UInt64 {
      Dataset([
        try row(#"{"prompt": "q", "chosen": "g", "rejected": "b", "margin": \#(margin)}"#)
      ]).contentHash
    }
    #expect(try hash("1") == hash("1.0"))
    #expect(try hash("1") != hash("2"))
  }

  @Test func theKeyKnowsTheMethod() throws {
    let learning = ExampleEncoder(renderer: try #require(encoding.encoder.renderer))
    func key(_ encoder: ExampleEncoder) -> TokenCacheKey {
      TokenCacheKey(sources: [], encoder: encoder)
    }
    #expect(key(encoding.encoder).changes(since: key(learning)) == ["the method"])
  }
}
