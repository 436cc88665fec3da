import Foundation
import HalterData
import HalterJSON
import HalterTokenizers
import Testing

/// Tokens and loss masks against TRL's SFTTrainer, row by row and token by token: the hashes of
/// Tests/Parity/make_masks.py. Where Halter differs on purpose, the test says by what, and that it
/// is by nothing else.
@Suite struct MaskTests {
  private static let golden = Result {
    try #require(try Golden.json("masks.json") as? [String: [String]])
  }

  /// A row as the golden values name it: tokens, trained tokens, a hash of the ids and then of the
  /// trained positions.
  private func summary(_ tokens: [Int32], _ trained: [Int]) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for value in tokens + trained.map(Int32.init) {
      for shift in stride(from: 0, to: 32, by: 8) {
        let byte = UInt64(UInt8(truncatingIfNeeded: value >> Int32(shift)))
        hash = (hash ^ byte) &* 0x100_0000_01B3
      }
    }
    let digits = String(hash, radix: 16)
    return "\(tokens.count) \(trained.count) "
      + String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Compares the rows of examples with those of a golden list; an example without a row is
  /// skipped. `more` gives the positions that TRL trains on and Halter, on purpose, does not. A text
  /// that spells a control token is text here and that token there, so such rows must differ.
  private func compare(
    _ examples: [Example], _ encoder: ExampleEncoder, _ tokenizer: Tokenizer,
    with name: String,
    more: (TokenizedRow, [Int]) throws -> [Int] = { _, _ in [] }
  ) throws {
    let golden = try #require(try Self.golden.get()[name])
    #expect(golden.count == examples.count)
    var compared = 0
    for (example, expected) in zip(examples, golden) {
      guard let row = try encoder.encode(example).rows.first else { continue }
      let trained = row.tokens.indices.filter { row.lossWeights[$0] != 0 }
      let more = try more(row, trained)
      #expect(more.allSatisfy { row.lossWeights[$0] == 0 })
      let spells = example.texts.contains { text in
        tokenizer.addedTokens.contains { $0.isSpecial && text.contains($0.content) }
      }
      let found = summary(row.tokens, (trained + more).sorted())
      #expect((found == expected) == !spells, "\(row.location): \(found), \(expected)")
      compared += 1
    }
    #expect(compared > examples.count * 9 / 10)
  }

  /// TRL learns the text behind the last stop token too. No model is ever asked to write it.
  private func endOfText(
    _ tokenizer: Tokenizer
  ) -> (TokenizedRow, [Int]) throws -> [Int] {
    { row, trained in
      #expect(trained.last == row.tokens.count - 2)
      #expect(tokenizer.decode(Array(row.tokens.suffix(1))) == "\n")
      return [row.tokens.count - 1]
    }
  }

  /// Nothing comes before the first token, so neither library has a loss for it; TRL labels it.
  private func firstToken(_: TokenizedRow, _: [Int]) -> [Int] { [0] }

  // MARK: - Real rows and the real tokenizer

  @Suite(.enabled(if: RealModel.path != nil && RealModel.data != nil))
  struct RealRows {
    private let tests = MaskTests()

    private func tokenizer() throws -> Tokenizer { try RealModel.tokenizer() }

    private func file(_ path: String) throws -> URL {
      URL(fileURLWithPath: try #require(RealModel.data)).appendingPathComponent(path)
    }

    private func encoder(_ trainOn: TrainOn) throws -> ExampleEncoder {
      let tokenizer = try tokenizer()
      return ExampleEncoder(
        renderer: PromptRenderer(
          tokenizer: tokenizer,
          template: try ChatTemplate.detect(
            jinja: tokenizer.chatTemplateText, tokenizer: tokenizer), trainOn: trainOn))
    }

    private func alpaca() throws -> [SourceRow] {
      let bytes = [UInt8](try Data(contentsOf: try file("chat/alpaca_en_demo.json")))
      let rows = try #require(try JSONValue(parsing: bytes).array)
      return try rows.enumerated().map {
        SourceRow(
          try #require($1.object), at: RowLocation(file: "alpaca_en_demo.json", line: $0 + 1))
      }
    }

    private func pairs() throws -> [PreferencePair] {
      var lines = try JSONLines(url: try file("hh-harmless/validation.jsonl"))
      var pairs: [PreferencePair] = []
      while let record = try lines.next() {
        let row = try record.row()
        if case .preference(let pair) = try HHRLHFLayout().example(from: row) {
          pairs.append(pair)
        }
      }
      return pairs
    }

    @Test func alpacaAnswers() throws {
      let examples = try alpaca().map { try AlpacaLayout().example(from: $0) }
      try tests.compare(examples, encoder(.assistant), tokenizer(), with: "alpaca/assistant")
    }

    @Test func alpacaCompletions() throws {
      let examples = try alpaca().map { try AlpacaLayout().example(from: $0) }
      try tests.compare(
        examples, encoder(.completion), tokenizer(), with: "alpaca/completion",
        more: tests.endOfText(tokenizer()))
    }

    @Test func alpacaTexts() throws {
      let examples = try alpaca().map { row in
        let parts = ["instruction", "input", "output"].map { row[$0]?.string ?? "" }
        return Example.text(
          TextDocument(text: parts.joined(separator: "\n"), location: row.location))
      }
      try tests.compare(
        examples, encoder(.assistant), tokenizer(), with: "alpaca/text", more: tests.firstToken)
    }

    @Test func transcriptAnswers() throws {
      let examples = try pairs().map {
        Example.conversation(
          Conversation(messages: $0.prompt + $0.chosen, location: $0.location))
      }
      try tests.compare(examples, encoder(.assistant), tokenizer(), with: "hh/assistant")
    }

    @Test func transcriptCompletions() throws {
      try tests.compare(
        try pairs().map(Example.preference), encoder(.completion), tokenizer(),
        with: "hh/completion",
        more: tests.endOfText(tokenizer()))
    }
  }

  // MARK: - The handbook and small tokenizers

  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private func tiny() throws -> Tokenizer {
    try Tokenizer.load(directory: Self.root.appendingPathComponent("recipes/tiny"))
  }

  private func handbook() throws -> [Example] {
    let url = Self.root.appendingPathComponent("datasets/handbook/train.jsonl")
    var reader = try SourceReader(DataSource(path: url.path))
    var examples: [Example] = []
    while let record = try reader.next() {
      examples.append(try reader.decoder.example(from: record))
    }
    return examples
  }

  @Test func handbookAnswers() throws {
    let tokenizer = try tiny()
    let renderer = PromptRenderer(tokenizer: tokenizer, template: ChatTemplate(.chatml))
    try compare(
      handbook(), ExampleEncoder(renderer: renderer), tokenizer, with: "handbook/assistant")
  }

  @Test func handbookAnswersInLlama3() throws {
    let path = "Tests/HalterTokenizersTests/Fixtures/llama3/tokenizer.json"
    let tokenizer = try Tokenizer(
      tokenizerJSON: [UInt8](try Data(contentsOf: Self.root.appendingPathComponent(path))),
      configJSON: Array(#"{"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}"#.utf8))
    let renderer = PromptRenderer(
      tokenizer: tokenizer, template: ChatTemplate(.llama3, tokenizer: tokenizer))
    try compare(
      handbook(), ExampleEncoder(renderer: renderer), tokenizer,
      with: "handbook/assistant/llama3")
  }

  /// TRL's template for Qwen 2.5 also marks the line break that ends the header of an answer and
  /// the one behind its stop token. The first is part of the prompt that the model is given, the
  /// second is never asked for.
  @Test func handbookAnswersInQwen25() throws {
    let tokenizer = try tiny()
    let template = ChatTemplate(
      .hermes,
      defaultSystem: "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")
    let renderer = PromptRenderer(tokenizer: tokenizer, template: template)
    try compare(
      handbook(), ExampleEncoder(renderer: renderer), tokenizer,
      with: "handbook/assistant/qwen2_5"
    ) { row, trained in
      let starts = trained.filter { !trained.contains($0 - 1) }.map { $0 - 1 }
      let ends = trained.filter { !trained.contains($0 + 1) }.map { $0 + 1 }
      #expect((starts + ends).allSatisfy { tokenizer.decode([row.tokens[$0]]) == "\n" })
      return starts + ends
    }
  }

  @Test func handbookTexts() throws {
    let texts = try handbook().map { example -> Example in
      let text = example.texts.last ?? ""
      return .text(TextDocument(text: text, location: example.location))
    }
    let tokenizer = try tiny()
    try compare(
      texts, ExampleEncoder(pretraining: tokenizer), tokenizer, with: "handbook/text",
      more: firstToken)
  }
}
