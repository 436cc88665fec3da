import HalterData
import HalterTokenizers
import Testing

/// Which tokens carry loss: the policy, and what rows say of their messages.
@Suite struct TrainOnTests {
  private let twoTurns = conversation(
    (.system, "s"), (.user, "q"), (.assistant, "a"), (.user, "r"), (.assistant, "b"))

  private func weighed(_ weights: [Double?]) -> Conversation {
    Conversation(messages: twoTurns.messages, weights: weights, location: twoTurns.location)
  }

  @Test func assistant() throws {
    let text = try Encoding().marked(twoTurns)
    #expect(text.contains("assistant\n«a<|im_end|>»\n"))
    #expect(text.hasSuffix("assistant\n«b<|im_end|>»\n"))
    #expect(text.count { $0 == "«" } == 2)
  }

  @Test func lastTakesTheLastAnswerOnly() throws {
    let text = try Encoding(trainOn: .last).marked(twoTurns)
    #expect(text.hasSuffix("assistant\n«b<|im_end|>»\n"))
    #expect(text.count { $0 == "«" } == 1)
  }

  @Test func completionTakesAllBetweenTheFirstPromptAndTheLastStop() throws {
    let text = try Encoding(trainOn: .completion).marked(twoTurns)
    #expect(
      text
        == "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n"
        + "«a<|im_end|>\n<|im_start|>user\nr<|im_end|>\n<|im_start|>assistant\nb<|im_end|>»\n")
    let pair = Conversation(
      messages: twoTurns.messages, firstTrained: 4, location: twoTurns.location)
    #expect(
      try Encoding(trainOn: .completion).marked(pair)
        == Encoding(trainOn: .last).marked(twoTurns))
  }

  @Test func allTakesEverythingButTheFirst() throws {
    let text = try Encoding(trainOn: .all).marked(twoTurns)
    #expect(text.hasPrefix("<|im_start|>«system"))
    #expect(text.hasSuffix("<|im_end|>\n»"))
  }

  @Test(arguments: TrainOn.allCases) func theLastStopIsTrainedWhateverThePolicy(policy: TrainOn)
    throws
  {
    let encoding = try Encoding(trainOn: policy)
    let encoded = try encoding.encoder.encode(.conversation(twoTurns))
    #expect(encoded.trainedStops == (policy == .last ? 1 : 2))
    #expect(encoded.trainedAnswers == encoded.trainedStops)
    let row = try #require(encoded.rows.first)
    let stop = try #require(row.tokens.lastIndex { $0 == encoding.tokenizer.id(of: "<|im_end|>") })
    #expect(row.lossWeights[stop] == 1)
  }

  @Test(arguments: TrainOn.allCases) func whatTheRowSaysWins(policy: TrainOn) throws {
    let encoding = try Encoding(trainOn: policy)
    let row = try encoding.encoder.encode(.conversation(weighed([nil, 0.5, 0, nil, 2]))).rows[0]
    let text = RowText(row, tokenizer: encoding.tokenizer).runs.map { "\($0.weight):\($0.text)" }
    // The user's message by half, the first answer not, the second twice; the stops alike.
    #expect(text.contains { $0.hasPrefix("0.5:q<|im_end|>") })
    #expect(text.contains { $0.hasPrefix("0.0:") && $0.contains("a<|im_end|>") })
    #expect(text.contains("2.0:b<|im_end|>"))
  }

  @Test func contextIsLearntOnlyWhereItsRowSaysSo() throws {
    let plain = conversation(
      (.user, "a"), (.assistant, "b"), (.user, "c"), (.assistant, "d"), firstTrained: 3)
    #expect(try Encoding().marked(plain).count { $0 == "«" } == 1)
    let asked = Conversation(
      messages: plain.messages, firstTrained: 3, weights: [nil, 1, nil, nil],
      location: plain.location)
    #expect(try Encoding().marked(asked).contains("assistant\n«b<|im_end|>»"))
  }

  @Test func aUserMessageWithoutAStopIsItsContent() throws {
    let row = Conversation(
      messages: [Message(role: .user, content: "q"), Message(role: .assistant, content: "a")],
      weights: [1, 0], location: twoTurns.location)
    #expect(try Encoding("llama2").marked(row) == "<s>[INST] «q» [/INST] a </s>")
  }

  @Test func aSetWhoseStopsAreAllExcludedIsRefused() throws {
    let rows = [
      Conversation(
        messages: [Message(role: .user, content: "q"), Message(role: .assistant, content: "a")],
        weights: [1, 0], location: twoTurns.location)
    ]
    // Nothing of an answer is trained: there is no answer to miss its stop token.
    let data = try Dataset(rows.map(Example.conversation), encoder: Encoding().encoder)
    #expect(data.statistics.trainedAnswers == 0)
    #expect(data.statistics.trainedTokens == 2)
  }
}
