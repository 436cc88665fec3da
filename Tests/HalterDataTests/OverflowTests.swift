import HalterData
import HalterTokenizers
import Testing

/// What becomes of rows that are too long.
@Suite struct OverflowTests {
  private func encoding(
    _ policy: LengthPolicy.Overflow, _ limit: Int, template: String = "chatml",
    bos: String = "<s>", eos: String = "</s>", addsBOS: Bool = false
  ) throws -> Encoding {
    try Encoding(
      template, length: LengthPolicy(maxLength: limit, onOverflow: policy), bos: bos, eos: eos,
      addsBOS: addsBOS)
  }

  private let long = conversation(
    (.system, "s"), (.user, "q1"), (.assistant, "a1"), (.user, "q2"), (.tool, "t2"),
    (.assistant, "a2"), (.user, "q3"), (.assistant, "a3"))

  private func length(_ conversation: Conversation, _ template: String = "chatml") throws -> Int {
    try Encoding(template).encoder.encode(.conversation(conversation)).length
  }

  // MARK: - Turns

  @Test func turnsLeaveOldestFirstAndTheSystemMessageStays() throws {
    let whole = try length(long)
    let cut = try encoding(.truncateTurns, whole - 1).encoder.encode(.conversation(long))
    #expect(cut.isCut)
    #expect(cut.length == whole)
    #expect(
      try encoding(.truncateTurns, whole - 1).marked(long)
        == "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nq2<|im_end|>\n<|im_start|>tool\nt2"
        + "<|im_end|>\n<|im_start|>assistant\n«a2<|im_end|>»\n<|im_start|>user\nq3<|im_end|>\n"
        + "<|im_start|>assistant\n«a3<|im_end|>»\n")
  }

  @Test func noMoreTurnsLeaveThanMust() throws {
    let whole = try length(long)
    for limit in 2...whole {
      let encoded = try encoding(.truncateTurns, limit).encoder.encode(.conversation(long))
      guard let row = encoded.rows.first else {
        #expect(encoded.drop == .tooLong)
        // Not even the last turn fits.
        let last = conversation((.system, "s"), (.user, "q3"), (.assistant, "a3"))
        #expect(try length(last) > limit)
        continue
      }
      #expect(row.tokens.count <= limit)
      #expect(encoded.isCut == (limit < whole))
    }
  }

  @Test func turnsOfAPromptLeaveAndTheCompletionStaysTheOnlyOneLearnt() throws {
    let pair = conversation(
      (.user, "q1"), (.assistant, "a1"), (.user, "q2"), (.assistant, "a2"), firstTrained: 3)
    #expect(
      try encoding(.truncateTurns, try length(pair) - 1).marked(pair)
        == "<|im_start|>user\nq2<|im_end|>\n<|im_start|>assistant\n«a2<|im_end|>»\n")
  }

  @Test func weightsGoWithTheirMessages() throws {
    let row = Conversation(
      messages: long.messages, weights: [nil, nil, nil, nil, nil, 0, 1, 0.5],
      location: long.location)
    let encoding = try encoding(.truncateTurns, try length(long) - 1)
    let encoded = try encoding.encoder.encode(.conversation(row))
    let runs = RowText(encoded.rows[0], tokenizer: encoding.tokenizer).runs
    #expect(runs.first { $0.weight == 1 }?.text == "q3<|im_end|>")
    #expect(runs.first { $0.weight == 0.5 }?.text == "a3<|im_end|>")
    #expect(encoded.trainedAnswers == 1)
  }

  // MARK: - Left

  @Test func theOldestTokensLeaveAndTheHeaderStays() throws {
    let row = conversation((.user, "abcdef"), (.assistant, "xyz"))
    let whole = try length(row)
    for gone in 1...5 {
      let text = try encoding(.truncateLeft, whole - gone).marked(row)
      #expect(
        text == "<|im_start|>user\n\("abcdef".dropFirst(gone))<|im_end|>\n<|im_start|>assistant\n"
          + "«xyz<|im_end|>»\n")
    }
    // Where the content is gone, so is its turn.
    let answer = "<|im_start|>assistant\n«xyz<|im_end|>»\n"
    for gone in 6...(whole - 16) {
      #expect(try encoding(.truncateLeft, whole - gone).marked(row) == answer)
    }
    #expect(
      try encoding(.truncateLeft, 15).marked(row)
        == "<|im_start|>assistant\ny«z<|im_end|>»\n")
  }

  @Test(arguments: ["chatml", "llama2", "llama3", "alpaca"])
  func aHeaderIsNeverCut(template: String) throws {
    let row = conversation(
      (.system, "Be brief."), (.user, "Hi there"), (.assistant, "Hello"), (.user, "Bye"),
      (.assistant, "So long"))
    let bos = template == "llama3" ? "<|begin_of_text|>" : "<s>"
    let eos = template == "llama3" ? "<|eot_id|>" : "</s>"
    let whole = try Encoding(template, bos: bos, eos: eos)
    let length = try whole.encoder.encode(.conversation(row)).length
    let plain = try whole.marked(row).filter { !"«»".contains($0) }
    let headers: [String] =
      switch template {
      case "chatml":
        ["system", "user", "assistant"].map { "<|im_start|>\($0)\n" }
      case "llama2": ["<s>[INST] <<SYS>>\n", "<s>[INST] ", "<s> "]
      case "llama3":
        ["system", "user", "assistant"].map {
          "<|begin_of_text|><|start_header_id|>\($0)<|end_header_id|>\n\n"
        }
      default: ["Be brief.", "e brief.", "### Instruction:\n", "### Response:\n"]
      }
    for limit in 2..<length {
      let encoding = try encoding(
        .truncateLeft, limit, template: template, bos: bos, eos: eos)
      let encoded = try encoding.encoder.encode(.conversation(row))
      guard let kept = encoded.rows.first else { continue }
      #expect(kept.tokens.count <= limit)
      #expect(encoded.isCut)
      let first = try #require(encoding.tokenizer.special.bos)
      #expect(!kept.tokens.starts(with: [first, first]))
      let text = TinyTokenizer.marked(kept, encoding.tokenizer).filter { !"«»".contains($0) }
      if template != "alpaca" || !text.hasSuffix(plain.suffix(text.count)) {
        #expect(headers.contains { text.hasPrefix($0) }, "\(text)")
      }
      // All that is kept behind the header is the end of the whole.
      let header = headers.filter { text.hasPrefix($0) }.max { $0.count < $1.count } ?? ""
      #expect(plain.hasSuffix(text.dropFirst(header.count)), "\(text)")
    }
  }

  @Test func whatFollowsAGapIsNotLearnt() throws {
    let row = conversation((.user, "q"), (.assistant, "abcdefghij"))
    let encoding = try encoding(.truncateLeft, 18)
    let encoded = try encoding.encoder.encode(.conversation(row))
    #expect(
      TinyTokenizer.marked(encoded.rows[0], encoding.tokenizer)
        == "<|im_start|>assistant\nf«ghij<|im_end|>»\n")
    #expect(encoded.trainedStops == 1)
  }

  @Test func nothingThatCouldBeKeptIsADrop() throws {
    let row = conversation((.user, "q"), (.assistant, "a"))
    #expect(
      try encoding(.truncateLeft, 11).encoder.encode(.conversation(row)).drop == .tooLong)
  }

  // MARK: - Texts

  @Test func aTextKeepsItsEnd() throws {
    #expect(
      try encoding(.truncateLeft, 4, addsBOS: true).rows(#"{"text": "abcdef"}"#) == ["<s>«ef</s>»"])
    #expect(try encoding(.truncateLeft, 4).rows(#"{"text": "abcdef"}"#) == ["d«ef</s>»"])
  }

  @Test func splittingLosesNoToken() throws {
    let text = "abcdefghijk"
    for addsBOS in [false, true] {
      let whole = try Encoding(addsBOS: addsBOS).encode(#"{"text": "\#(text)"}"#).rows[0]
      for limit in 2...14 {
        let encoded = try encoding(.split, limit, addsBOS: addsBOS)
          .encode(#"{"text": "\#(text)"}"#)
        let rows = encoded.rows
        #expect(encoded.isCut == (whole.tokens.count > limit))
        #expect(rows.allSatisfy { $0.tokens.count <= limit && $0.tokens.count >= 2 })
        // Each row repeats the last token of the one before as context.
        let joined = rows[0].tokens + rows.dropFirst().flatMap { $0.tokens.dropFirst() }
        #expect(joined == whole.tokens)
        #expect(rows.reduce(0) { $0 + $1.trainedTokens } == whole.tokens.count - 1)
      }
    }
  }

  @Test func splitDocumentsAreCounted() throws {
    let data = try encoding(.split, 4).dataset(#"{"text": "ab"}"#, #"{"text": "abcdefgh"}"#)
    #expect(data.statistics.rowsRead == 2)
    #expect(data.count == 4)
    #expect(data.statistics.notes == ["too long, cut: 1 (rows.jsonl:2)"])
  }

  @Test func documentsAreSegmentsOfTheirOwn() throws {
    let data = try encoding(.split, 4).dataset(#"{"text": "ab"}"#, #"{"text": "abcdefgh"}"#)
    let batch = Batch(rows: try data.all())
    #expect(batch.segments == [0, 3, 7, 11, 14])
    #expect(batch.positions == [0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2])
    #expect(batch.segments.dropLast().allSatisfy { batch.lossWeights[Int($0)] == 0 })
  }

  // MARK: - What is never cut

  @Test(arguments: LengthPolicy.Overflow.allCases)
  func pairsAreNeverCut(policy: LengthPolicy.Overflow) throws {
    let row =
      #"{"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, "#
      + #"{"role": "user", "content": "r"}], "chosen": "abcdefgh", "rejected": "b"}"#
    let encoding = try encoding(policy, 40)
    if policy == .error {
      let found = complaint { try encoding.encode(row) }
      #expect(found.hasPrefix("rows.jsonl:1: the row has "), "\(found)")
    } else {
      #expect(try encoding.encode(row).drop == .tooLong)
    }
  }

  @Test(arguments: LengthPolicy.Overflow.allCases)
  func conversationsAreNotSplit(policy: LengthPolicy.Overflow) throws {
    guard policy != .error else { return }
    let encoded = try encoding(policy, 30).encoder.encode(
      .conversation(conversation((.user, "abcdefghijkl"), (.assistant, "a"))))
    #expect(encoded.rows.count == (policy == .truncateLeft ? 1 : 0))
  }

  @Test func cutsAreCountedWithTheirPlaces() throws {
    func row(_ answer: String) -> String {
      #"{"prompt": "\#(String(repeating: "x", count: 40))", "completion": "\#(answer)"}"#
    }
    let data = try encoding(.truncateLeft, 40).dataset(
      #"{"prompt": "q", "completion": "a"}"#, row("a"), row("b"))
    #expect(data.statistics.cut.count == 2)
    #expect(data.statistics.notes == ["too long, cut: 2 (rows.jsonl:2, rows.jsonl:3)"])
    #expect(data.statistics.longestRead > 40)
    #expect(data.statistics.longest == 40)
  }
}
