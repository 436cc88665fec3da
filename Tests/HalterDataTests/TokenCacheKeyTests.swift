import Foundation
import HalterTokenizers
import Testing

@testable import HalterData

@Suite struct TokenCacheKeyTests {
  /// One for all: each is written with its keys in another order.
  private static let tokenizer = Result { try TinyTokenizer.make() }

  private func key(
    source: DataSource = DataSource(path: "/a", name: "a.jsonl"),
    sum: String = "1", tokenizer: Tokenizer? = nil,
    template: ChatTemplate = ChatTemplate(.chatml), trainOn: TrainOn = .assistant,
    length: LengthPolicy = LengthPolicy(maxLength: 100)
  ) throws -> TokenCacheKey {
    let renderer = PromptRenderer(
      tokenizer: try tokenizer ?? Self.tokenizer.get(), template: template, trainOn: trainOn)
    return TokenCacheKey(
      sources: [(source, sum)], encoder: ExampleEncoder(renderer: renderer, length: length))
  }

  @Test func theSameThingsGiveTheSameKey() throws {
    #expect(try key() == key())
    #expect(try key().digest == key().digest)
    #expect(try key().changes(since: key()) == [])
    // Where the file lies does not matter, only what it is called and holds.
    let elsewhere = DataSource(path: "/b", name: "a.jsonl")
    #expect(try key(source: elsewhere) == key())
  }

  @Test func everythingThatChangesRowsChangesTheKey() throws {
    let others: [(TokenCacheKey, String)] = [
      (try key(sum: "2"), "the content of a.jsonl"),
      (
        try key(source: DataSource(path: "/a", name: "a.jsonl", layout: "messages")),
        "the settings of a.jsonl"
      ),
      (
        try key(source: DataSource(path: "/a", name: "a.jsonl", limit: 3)),
        "the settings of a.jsonl"
      ),
      (
        try key(source: DataSource(path: "/a", name: "a.jsonl", columns: ["text": "b"])),
        "the settings of a.jsonl"
      ),
      (
        try key(source: DataSource(path: "/a", name: "a.jsonl", format: .json)),
        "the settings of a.jsonl"
      ),
      (
        try key(tokenizer: TinyTokenizer.make(specials: TinyTokenizer.specials + ["<|x|>"])),
        "the tokenizer"
      ),
      (try key(template: ChatTemplate(.llama3)), "the chat template"),
      (
        try key(template: ChatTemplate(.chatml, defaultSystem: "Be short.")),
        "the chat template"
      ),
      (try key(trainOn: .all), "train_on"),
      (try key(length: LengthPolicy(maxLength: 101)), "max_length or on_overflow"),
      (
        try key(length: LengthPolicy(maxLength: 100, onOverflow: .error)),
        "max_length or on_overflow"
      ),
      (try key(length: LengthPolicy()), "max_length or on_overflow"),
    ]
    let usual = try key()
    for (other, title) in others {
      #expect(other.digest != usual.digest, "\(title)")
      #expect(other.changes(since: usual) == [title])
      #expect(usual.changes(since: other) == [title])
    }
    #expect(Set(others.map(\.0.digest)).count == others.count)
  }

  @Test func theMethodAndTheRewritingOfTextsCount() throws {
    let tokenizer = try TinyTokenizer.make(
      specials: ["</s>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>"])
    func key(_ rate: Double?, _ seed: UInt64 = 1) throws -> TokenCacheKey {
      let transform = try rate.map {
        try FillInTheMiddle(tokenizer, name: "tiny", rate: $0, spm: 0.5, seed: seed)
      }
      return TokenCacheKey(
        sources: [], encoder: ExampleEncoder(pretraining: tokenizer, fillInTheMiddle: transform))
    }
    let keys = [try key(nil), try key(0.5), try key(0.6), try key(0.5, 2)]
    #expect(Set(keys.map(\.digest)).count == keys.count)
    #expect(keys[1].changes(since: keys[0]) == ["fim or the seed"])
    #expect(keys[3].changes(since: keys[1]) == ["fim or the seed"])
    let tuning = TokenCacheKey(
      sources: [],
      encoder: ExampleEncoder(
        renderer: PromptRenderer(tokenizer: tokenizer, template: ChatTemplate(.chatml))))
    #expect(tuning.changes(since: keys[0]).contains("the method"))
  }

  @Test func theListOfSourcesCounts() throws {
    let encoder = ExampleEncoder(
      renderer: PromptRenderer(
        tokenizer: try TinyTokenizer.make(), template: ChatTemplate(.chatml)))
    func key(_ names: [String]) -> TokenCacheKey {
      TokenCacheKey(
        sources: names.map { (DataSource(path: "/a", name: $0), "1") },
        encoder: encoder)
    }
    #expect(key(["a", "b"]).digest != key(["b", "a"]).digest)
    #expect(
      key(["a", "b"]).changes(since: key(["a"])) == ["the settings of b", "the content of b"])
    #expect(
      key(["a"]).changes(since: key(["a", "b"])) == ["the settings of b", "the content of b"])
  }

  @Test func namesAndValuesDoNotRunTogether() {
    func digest(_ pairs: [(String, String)]) -> String {
      TokenCacheKey(
        pairs.map { TokenCacheKey.Part(name: $0.0, title: "", value: $0.1) }
      ).digest
    }
    let digests = [
      digest([("ab", "c")]), digest([("a", "bc")]), digest([("a", "b"), ("c", "")]),
      digest([("a", ""), ("b", "c")]), digest([]),
    ]
    #expect(Set(digests).count == digests.count)
  }
}
