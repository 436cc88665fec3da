import HalterData
import HalterTokenizers
import Testing

/// What is learnt of a row of each layout: rendered, with the trained stretches in «…».
@Suite struct LayoutMaskTests {
  private let start = "<|im_start|>"
  private let end = "<|im_end|>"

  private func turn(_ role: String, _ text: String) -> String {
    "\(start)\(role)\n\(text)\(end)\n"
  }

  private func answer(_ text: String) -> String { "\(start)assistant\n«\(text)\(end)»\n" }

  @Test func messages() throws {
    #expect(
      try Encoding().rows(
        #"{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, "#
          + #"{"role": "assistant", "content": "a"}, {"role": "tool", "content": "t"}, "#
          + #"{"role": "assistant", "content": "b", "train": false}]}"#)
        == [
          turn("system", "s") + turn("user", "q") + answer("a") + turn("tool", "t")
            + turn("assistant", "b")
        ])
  }

  @Test func shareGPT() throws {
    #expect(
      try Encoding().rows(
        #"{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}, "#
          + #"{"from": "human", "value": "r"}, {"from": "gpt", "value": "b"}], "system": "s"}"#)
        == [turn("system", "s") + turn("user", "q") + answer("a") + turn("user", "r") + answer("b")]
    )
  }

  @Test func alpaca() throws {
    #expect(
      try Encoding().rows(
        #"{"instruction": "q", "input": "i", "output": "a", "history": [["p", "o"]]}"#)
        == [turn("user", "p") + answer("o") + turn("user", "q\n\ni") + answer("a")])
    #expect(
      try Encoding("alpaca").rows(#"{"instruction": "q", "input": "i", "output": "a"}"#)
        == [
          ChatTemplate.alpacaPreamble
            + "\n\n### Instruction:\nq\n\ni\n\n### Response:\n«a</s>»\n\n"
        ])
  }

  @Test func promptAndCompletion() throws {
    #expect(
      try Encoding().rows(
        #"{"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, "#
          + #"{"role": "user", "content": "r"}], "completion": "b"}"#)
        == [turn("user", "q") + turn("assistant", "a") + turn("user", "r") + answer("b")])
  }

  @Test func text() throws {
    #expect(try Encoding().rows(#"{"text": "hi"}"#) == ["h«i</s>»"])
    #expect(try Encoding(addsBOS: true).rows(#"{"text": "hi"}"#) == ["<s>«hi</s>»"])
  }

  @Test func preference() throws {
    let row = #"{"prompt": "q", "chosen": "g", "rejected": "b", "margin": 1}"#
    #expect(try Encoding().rows(row) == [turn("user", "q") + answer("g")])
    let data = try Encoding().dataset(row)
    #expect(data.statistics.notes == ["preference pairs: learning the chosen answers"])
  }

  @Test func transcripts() throws {
    #expect(
      try Encoding("llama2").rows(
        #"{"chosen": "\n\nHuman: q\n\nAssistant: a\n\nHuman: r\n\nAssistant: g", "#
          + #""rejected": "\n\nHuman: q\n\nAssistant: a\n\nHuman: r\n\nAssistant: b"}"#)
        == ["<s>[INST] q [/INST] a </s><s>[INST] r [/INST]« g </s>»"])
  }

  @Test func judged() throws {
    let good = #"{"prompt": "q", "completion": "g", "label": true}"#
    let bad = #"{"prompt": "q", "completion": "b", "label": false}"#
    #expect(try Encoding().rows(good) == [turn("user", "q") + answer("g")])
    #expect(try Encoding().encode(bad).drop == .undesirable)
    let data = try Encoding().dataset(bad, good, bad)
    #expect(data.count == 1)
    #expect(
      data.statistics.notes == [
        "judged answers: learning the good ones",
        "judged bad, left out: 2 (rows.jsonl:1, rows.jsonl:3)",
      ])
  }

  @Test func promptsHaveNothingToLearn() {
    let found = complaint { try Encoding().rows(#"{"prompt": "q"}"#) }
    #expect(
      found.hasPrefix(
        "rows.jsonl:1: a prompt without an answer has nothing that could be learnt"), "\(found)")
  }

  @Test func flawedPairsAreCountedAndNeverLearnt() throws {
    let data = try Encoding().dataset(
      #"{"prompt": "q", "chosen": "g", "rejected": "g"}"#,
      #"{"prompt": "q", "chosen": "g", "rejected": "b"}"#,
      #"{"prompt": "q", "chosen": "", "rejected": "b"}"#,
      #"{"prompt": "q", "chosen": "g", "rejected": " "}"#)
    #expect(data.count == 1)
    #expect(data.statistics.rowsRead == 4)
    #expect(
      data.statistics.notes == [
        "preference pairs: learning the chosen answers",
        "both answers the same, left out: 1 (rows.jsonl:1)",
        "an answer empty, left out: 2 (rows.jsonl:3, rows.jsonl:4)",
      ])
  }

  @Test func sourcesOfDifferentLayoutsGoTogether() throws {
    let files = try [
      #"{"text": "hi"}"#, #"{"prompt": "q", "completion": "a"}"#,
      #"{"prompt": "q", "chosen": "a", "rejected": "b"}"#,
    ].map { try ScratchFile($0) }
    let data = try Dataset(reading: files.map { $0.source() }, encoder: Encoding().encoder)
    #expect(data.layouts == ["text", "prompt-completion", "preference"])
    #expect(data.count == 3)
    #expect(try data.row(1).tokens == data.row(2).tokens)
  }

  // MARK: - Pre-training

  @Test func pretrainingTakesTextOnly() throws {
    let tokenizer = try TinyTokenizer.make(addsBOS: true)
    let encoder = ExampleEncoder(pretraining: tokenizer)
    let encoding = Encoding(encoder, tokenizer)
    #expect(try encoding.rows(#"{"text": "<s>hi"}"#) == ["<s>«<s>hi</s>»"])
    let row = try encoding.encode(#"{"text": "<s>hi"}"#).rows[0]
    // BOS once: the text's own is three characters.
    #expect(row.tokens.count { $0 == tokenizer.special.bos } == 1)
    for other in [
      #"{"prompt": "q", "completion": "a"}"#, #"{"prompt": "q"}"#,
      #"{"prompt": "q", "chosen": "a", "rejected": "b"}"#,
    ] {
      let found = complaint { try encoding.rows(other) }
      #expect(found.hasPrefix("rows.jsonl:1: `method: pretrain` learns plain text"), "\(found)")
    }
  }

  @Test func anEmptyTextIsCounted() throws {
    let data = try Encoding().dataset(#"{"text": ""}"#, #"{"text": "hi"}"#)
    #expect(data.count == 1)
    #expect(data.statistics.dropped(.untrained).count == 1)
  }

  @Test func aTokenizerWithoutAnEndIsRefused() throws {
    let tokenizer = try TinyTokenizer.make(specials: ["<s>"])
    let encoding = Encoding(ExampleEncoder(pretraining: tokenizer), tokenizer)
    let found = complaint { try encoding.rows(#"{"text": "hi"}"#) }
    #expect(
      found.hasPrefix("rows.jsonl:1: the tokenizer names no token that ends a text"), "\(found)")
  }
}
