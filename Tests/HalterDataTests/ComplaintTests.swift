import HalterData
import HalterTokenizers
import Testing

/// What users of other trainers lose most time to, and what happens here instead. The numbers are
/// those of the list that the tests were written by.
@Suite struct ComplaintTests {
  private static let templates = ["chatml", "hermes", "llama2", "llama3", "llama3.1", "alpaca"]

  private func encoding(
    _ template: String, trainOn: TrainOn = .assistant, length: LengthPolicy = LengthPolicy(),
    addsBOS: Bool = false
  ) throws -> Encoding {
    let isLlama3 = template.hasPrefix("llama3")
    return try Encoding(
      template, trainOn: trainOn, length: length, bos: isLlama3 ? "<|begin_of_text|>" : "<s>",
      eos: isLlama3 ? "<|eot_id|>" : "</s>", addsBOS: addsBOS)
  }

  private let chat = conversation(
    (.system, "s"), (.user, "q"), (.assistant, "a"), (.user, "r"), (.assistant, "b"))

  @Test("3: nothing is cut in silence: long rows are left out, counted and named by default")
  func silentTruncation() throws {
    #expect(LengthPolicy().onOverflow == .drop)
    let long = String(repeating: "x", count: 60)
    let encoding = try Encoding(length: LengthPolicy(maxLength: 64))
    let data = try encoding.dataset(
      #"{"prompt": "q", "completion": "a"}"#, #"{"prompt": "q", "completion": "\#(long)"}"#)
    #expect(data.statistics.notes == ["too long, left out: 1 (rows.jsonl:2)"])
    #expect(data.statistics.longestRead > 64)
    // Where cutting is asked for, the end marker stays and so does the answer's header.
    for policy in [LengthPolicy.Overflow.truncateTurns, .truncateLeft] {
      let encoded = try Encoding(length: LengthPolicy(maxLength: 36, onOverflow: policy))
        .encoder.encode(.conversation(chat))
      #expect(encoded.isCut)
      #expect(encoded.trainedStops == 1)
    }
  }

  @Test("4: every answer's stop token is learnt, in every template", arguments: templates)
  func stopTokens(template: String) throws {
    for policy in [TrainOn.assistant, .completion, .all] {
      let encoded = try encoding(template, trainOn: policy).encoder.encode(.conversation(chat))
      #expect(encoded.trainedAnswers == 2)
      #expect(encoded.trainedStops == 2)
    }
    let last = try encoding(template, trainOn: .last).encoder.encode(.conversation(chat))
    #expect(last.trainedStops == 1)
  }

  @Test("4: a set that never teaches to stop is refused", arguments: TrainOn.allCases)
  func noStopToken(policy: TrainOn) throws {
    let tokenizer = try TinyTokenizer.make(specials: ["<s>", "</s>"])
    let renderer = PromptRenderer(
      tokenizer: tokenizer, template: ChatTemplate(.chatml), trainOn: policy)
    let found = complaint {
      try Dataset([.conversation(chat)], encoder: ExampleEncoder(renderer: renderer))
    }
    #expect(found.contains("would never learn to stop"), "\(found)")
  }

  @Test("5: a padding token that is the stop token masks nothing")
  func paddingIsTheStop() throws {
    let tokenizer = try TinyTokenizer.make(eos: "<|im_end|>", pad: "<|im_end|>")
    #expect(tokenizer.special.pad == tokenizer.special.eos)
    let encoder = ExampleEncoder(
      renderer: PromptRenderer(tokenizer: tokenizer, template: ChatTemplate(.chatml)))
    let row = try encoder.encode(.conversation(chat)).rows[0]
    let stops = row.tokens.indices.filter { row.tokens[$0] == tokenizer.special.pad }
    // Those of the system and the users are not learnt, those of the answers are.
    #expect(stops.map { row.lossWeights[$0] } == [0, 0, 1, 0, 1])
    let text = TextDocument(text: "x", location: chat.location)
    #expect(try encoder.encode(.text(text)).rows[0].lossWeights == [0, 1])
  }

  @Test("6: a row begins with one BOS at most", arguments: templates, [false, true])
  func doubledBOS(template: String, addsBOS: Bool) throws {
    let encoding = try encoding(template, addsBOS: addsBOS)
    let bos = try #require(encoding.tokenizer.special.bos)
    let text = Example.text(TextDocument(text: "<s><|begin_of_text|>", location: chat.location))
    for example in [Example.conversation(chat), text] {
      let tokens = try encoding.encoder.encode(example).rows[0].tokens
      #expect(!tokens.starts(with: [bos, bos]))
    }
    let turns = template == "llama2" ? 2 : 1
    let row = try encoding.encoder.encode(.conversation(chat)).rows[0]
    #expect(row.tokens.count { $0 == bos } <= turns)
  }

  @Test("7: what is asked with is what was trained with", arguments: templates)
  func templateAtInference(template: String) throws {
    let encoding = try encoding(template)
    let renderer = try #require(encoding.encoder.renderer)
    let row = try renderer.row(chat)
    for index in [2, 4] {
      let prompt = try renderer.prompt(for: Array(chat.messages[..<index]))
      #expect(row.tokens.starts(with: prompt))
    }
    // The template that travels with the result is read back as itself.
    let travelled = try ChatTemplate.detect(
      jinja: renderer.template.jinja, tokenizer: encoding.tokenizer)
    #expect(travelled == renderer.template)
  }

  @Test("14: rows packed together keep their positions, their borders and their losses")
  func packing() throws {
    let encoding = try Encoding()
    let rows = try (1...3).map { count in
      try encoding.encoder.encode(
        .conversation(
          conversation((.user, String(repeating: "q", count: count)), (.assistant, "a")))
      ).rows[0]
    }
    let packed = Batch(rows: rows)
    for (index, row) in rows.enumerated() {
      let alone = Batch(rows: [row])
      let range = Int(packed.segments[index])..<Int(packed.segments[index + 1])
      #expect(Array(packed.tokens[range]) == alone.tokens)
      #expect(Array(packed.positions[range]) == alone.positions)
      #expect(Array(packed.lossWeights[range]) == alone.lossWeights)
    }
    #expect(packed.weightSum == rows.reduce(0) { $0 + Batch(rows: [$1]).weightSum })
  }

  @Test("15: a validation set of one row is used, whatever the size of a batch")
  func tinyValidationSet() throws {
    let data = try Encoding().dataset(#"{"prompt": "q", "completion": "a"}"#)
    for budget in [BatchPlanner.Budget.tokens(1 << 20), .rows(64), .tokens(1)] {
      let plan = BatchPlanner(lengths: data.lengths, budget: budget, accumulate: 8, seed: 1)
      #expect(plan.epoch(0).stepCount == 1)
    }
  }

  @Test("19: pairs that are too long are counted and never cut")
  func longPairs() throws {
    let encoding = try Encoding(
      length: LengthPolicy(maxLength: 44, onOverflow: .truncateLeft))
    let data = try encoding.dataset(
      #"{"prompt": "q", "chosen": "good", "rejected": "bad"}"#,
      #"{"prompt": "\#(String(repeating: "q", count: 50))", "chosen": "good", "rejected": "bad"}"#)
    #expect(data.count == 1)
    #expect(data.statistics.cut.count == 0)
    #expect(data.statistics.notes.contains("too long, left out: 1 (rows.jsonl:2)"))
  }
}
