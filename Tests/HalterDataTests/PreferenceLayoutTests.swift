import HalterData
import HalterTokenizers
import Testing

/// The layouts of judged answers.
@Suite struct PreferenceLayoutTests {
  private func pairs(_ text: String, layout: String? = nil) throws -> [PreferencePair] {
    let file = try ScratchFile(text)
    return try examples(file.source(layout: layout)).compactMap { example in
      if case .preference(let pair) = example { return pair }
      return nil
    }
  }

  private func said(_ messages: [Message]) -> [String] {
    messages.map { "\($0.role.rawValue): \($0.content)" }
  }

  private let asked = #"{"role": "user", "content": "q"}"#
  private let good = #"{"role": "assistant", "content": "g"}"#
  private let bad = #"{"role": "assistant", "content": "b"}"#

  // MARK: - Pairs

  @Test func readsTextBesideAPrompt() throws {
    let read = try pairs(
      #"{"prompt": "q", "chosen": "g", "rejected": "b", "margin": 0.5, "system": "s"}"#)[0]
    #expect(said(read.prompt) == ["system: s", "user: q"])
    #expect(said(read.chosen) == ["assistant: g"])
    #expect(said(read.rejected) == ["assistant: b"])
    #expect(read.margin == 0.5)
    #expect(read.flaw == nil)
  }

  @Test func readsMessagesBesideAPrompt() throws {
    for prompt in [#""q""#, "[\(asked)]"] {
      let read = try pairs(#"{"prompt": \#(prompt), "chosen": [\#(good)], "rejected": \#(bad)}"#)[0]
      #expect(said(read.prompt) == ["user: q"])
      #expect(said(read.chosen) == ["assistant: g"])
      #expect(said(read.rejected) == ["assistant: b"])
      #expect(read.margin == nil)
    }
  }

  @Test func aPromptThatTheListsRepeatIsTakenOnce() throws {
    let read = try pairs(
      #"{"prompt": "q", "chosen": [\#(asked), \#(good)], "rejected": [\#(asked), \#(bad)]}"#)[0]
    #expect(said(read.prompt) == ["user: q"])
    #expect(said(read.chosen) == ["assistant: g"])
  }

  @Test func withoutAPromptItIsWhatBothBeginWith() throws {
    let system = #"{"role": "system", "content": "s"}"#
    let read = try pairs(
      #"{"chosen": [\#(system), \#(asked), \#(good), \#(asked), \#(good)], "#
        + #""rejected": [\#(system), \#(asked), \#(good), \#(asked), \#(bad)]}"#)[0]
    #expect(said(read.prompt) == ["system: s", "user: q", "assistant: g", "user: q"])
    #expect(said(read.chosen) == ["assistant: g"])
    #expect(said(read.rejected) == ["assistant: b"])
  }

  @Test func thePromptEndsWhereBothAnswer() throws {
    // The second questions differ: the answers begin before them.
    let other = #"{"role": "user", "content": "r"}"#
    let read = try pairs(
      #"{"chosen": [\#(asked), \#(good), \#(asked), \#(good)], "#
        + #""rejected": [\#(asked), \#(good), \#(other), \#(good)]}"#)[0]
    #expect(said(read.prompt) == ["user: q"])
    #expect(said(read.chosen) == ["assistant: g", "user: q", "assistant: g"])
    #expect(said(read.rejected) == ["assistant: g", "user: r", "assistant: g"])
    // One side goes on where the other ends.
    let longer = try pairs(
      #"{"chosen": [\#(asked), \#(good), \#(good)], "rejected": [\#(asked), \#(good)]}"#)[0]
    #expect(said(longer.prompt) == ["user: q"])
    #expect(said(longer.rejected) == ["assistant: g"])
  }

  @Test func readsTheShareGPTForm() throws {
    let read = try pairs(
      #"{"conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "q"}], "#
        + #""chosen": {"from": "gpt", "value": "g"}, "rejected": {"from": "gpt", "value": "b"}}"#)[
        0]
    #expect(said(read.prompt) == ["system: s", "user: q"])
    #expect(said(read.chosen) == ["assistant: g"])
    #expect(said(read.rejected) == ["assistant: b"])
  }

  @Test func flawsAreFoundAndNotRefused() throws {
    let read = try pairs(
      #"{"prompt": "q", "chosen": "g", "rejected": "g"}"# + "\n"
        + #"{"prompt": "q", "chosen": "", "rejected": "b"}"# + "\n"
        + #"{"prompt": "q", "chosen": "g", "rejected": [{"role": "assistant", "content": " "}]}"#)
    #expect(read.map(\.flaw) == [.sameAnswers, .emptyAnswer, .emptyAnswer])
    #expect(read[0].prompt.count == 1)
  }

  @Test(arguments: [
    (#"{"prompt": "q", "chosen": "g"}"#, "the column `rejected` is missing: found `prompt`,"),
    (
      #"{"prompt": "q", "chosen": "g", "rejected": null}"#,
      "the column `rejected` is null: found `prompt`, `chosen`, `rejected`, expected"
    ),
    (
      #"{"prompt": "q", "chosen": "g", "rejected": 3}"#,
      "rejected: found a number, expected a list of messages"
    ),
    (
      #"{"chosen": "g", "rejected": "b"}"#,
      "chosen: found text and no `prompt` beside it; transcripts that begin with `Human:` are the"
        + " layout `hh-rlhf`"
    ),
    (
      #"{"prompt": "q", "chosen": "g", "rejected": "b", "margin": -1}"#,
      "margin: found -1, expected a number of 0 or more"
    ),
    (
      #"{"prompt": "q", "chosen": "g", "rejected": "b", "margin": "NaN"}"#,
      "margin: found \"NaN\", expected a number of 0 or more"
    ),
    (
      #"{"prompt": "q", "chosen": "g", "rejected": "b", "margin": "slightly"}"#,
      "margin: found \"slightly\", expected a number of 0 or more"
    ),
    (
      #"{"prompt": "q", "conversations": [], "chosen": "g", "rejected": "b"}"#,
      "conversations: found a list beside `prompt`: keep one of them"
    ),
    (
      #"{"prompt": [{"role": "assistant", "content": "x"}], "chosen": "g", "rejected": "b"}"#,
      "prompt: the last message is the assistant's: nothing asks for an answer"
    ),
    (
      #"{"prompt": "q", "chosen": [{"role": "user", "content": "x"}], "rejected": "b"}"#,
      "chosen: the last message has the role user, expected an answer of the assistant"
    ),
    (
      #"{"prompt": "q", "chosen": [{"role": "user", "content": "x"}, {"role": "assistant", "#
        + #""content": "g"}], "rejected": "b"}"#,
      "chosen: the first message is not the assistant's"
    ),
    (
      #"{"chosen": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "g"}], "#
        + #""rejected": [{"role": "user", "content": "y"}, {"role": "assistant", "content": "b"}]}"#,
      "chosen: `chosen` and `rejected` do not begin with the same prompt"
    ),
    (
      #"{"prompt": "q", "chosen": {"role": "assistant", "content": "g", "weight": 2}, "#
        + #""rejected": "b"}"#, "chosen[0]: `train` and `weight` have no meaning in this layout"
    ),
    (
      #"{"prompt": "q", "chosen": "g", "rejected": "b", "tools": [{}]}"#,
      "tools: tools are not read in the layout `preference`"
    ),
  ]) func misfitsNameFileLineAndPath(row: String, expected: String) {
    let found = complaint { try pairs("\n" + row, layout: "preference") }
    #expect(found.hasPrefix("rows.jsonl:2: " + expected), "\(found)")
  }

  @Test func aMarginThatIsNoNumberOfJSONIsMalformed() {
    let found = complaint {
      try pairs(#"{"prompt": "q", "chosen": "g", "rejected": "b", "margin": NaN}"#)
    }
    #expect(found.hasPrefix("rows.jsonl:1:59: not JSON: "), "\(found)")
  }

  // MARK: - Transcripts

  @Test func readsTranscripts() throws {
    let read = try pairs(
      #"{"chosen": "\n\nHuman: q?\n\nAssistant: a\n\nmore\n\nHuman:  r \n\nAssistant: g", "#
        + #""rejected": "\n\nHuman: q?\n\nAssistant: a\n\nmore\n\nHuman: r\n\nAssistant:b\n", "#
        + #""margin": 2}"#)[0]
    #expect(read.margin == 2)
    #expect(said(read.prompt) == ["user: q?", "assistant: a\n\nmore", "user: r"])
    #expect(said(read.chosen) == ["assistant: g"])
    #expect(said(read.rejected) == ["assistant: b"])
  }

  @Test func turnsOfOneSpeakerAreOneMessage() throws {
    let read = try pairs(
      #"{"chosen": "\n\nHuman: q\n\nAssistant: a\n\nAssistant: Human: b", "#
        + #""rejected": "\n\nHuman: q\n\nAssistant: a\n\nAssistant: "}"#)[0]
    #expect(said(read.prompt) == ["user: q"])
    #expect(said(read.chosen) == ["assistant: a\n\nHuman: b"])
    #expect(said(read.rejected) == ["assistant: a"])
  }

  @Test func anEmptyAnswerOfATranscriptIsAFlaw() throws {
    let read = try pairs(
      #"{"chosen": "\n\nHuman: q\n\nAssistant: ", "rejected": "\n\nHuman: q\n\nAssistant: b"}"#)
    #expect(read[0].flaw == .emptyAnswer)
  }

  @Test(arguments: [
    (
      #"{"chosen": "Human: q\n\nAssistant: g", "rejected": ""}"#,
      "chosen: found a text that begins with \"Human: q\n\nAssistant: g\", expected a transcript"
        + " that begins with"
    ),
    (
      #"{"chosen": "\n\nHuman: q\n\nAssistant: g", "rejected": ""}"#,
      "rejected: found a text that begins with \"\", expected a transcript"
    ),
    (
      #"{"chosen": "\n\nAssistant: g", "rejected": "\n\nAssistant: b"}"#,
      "chosen: found a text that begins with"
    ),
    (
      #"{"chosen": "\n\nHuman: q\n\nAssistant: a\n\nHuman: r", "rejected": "\n\nHuman: q"}"#,
      "chosen: the transcript ends with Human's turn: there is no answer"
    ),
    (
      #"{"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: r\n\nAssistant: a"}"#,
      "chosen: `chosen` and `rejected` do not begin with the same prompt"
    ),
    (#"{"chosen": "\n\nHuman: q\n\nAssistant: a"}"#, "the column `rejected` is missing"),
    (
      #"{"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": []}"#,
      "rejected: found a list, expected text"
    ),
  ]) func oddTranscriptsNameFileLineAndPath(row: String, expected: String) {
    let found = complaint { try pairs("\n" + row, layout: "hh-rlhf") }
    #expect(found.hasPrefix("rows.jsonl:2: " + expected), "\(found)")
  }

  // MARK: - KTO

  @Test func readsJudgedAnswers() throws {
    let file = try ScratchFile(
      #"{"prompt": "q", "completion": "a", "label": true, "system": "s"}"# + "\n"
        + #"{"prompt": [\#(asked)], "completion": [\#(bad)], "label": false}"#)
    let read = try examples(file.source())
    #expect(
      read == [
        .judged(
          JudgedAnswer(
            prompt: [Message(role: .system, content: "s"), Message(role: .user, content: "q")],
            completion: [Message(role: .assistant, content: "a")], isDesirable: true,
            location: RowLocation(file: "rows.jsonl", line: 1))),
        .judged(
          JudgedAnswer(
            prompt: [Message(role: .user, content: "q")],
            completion: [Message(role: .assistant, content: "b")], isDesirable: false,
            location: RowLocation(file: "rows.jsonl", line: 2))),
      ])
  }

  @Test(arguments: [
    (#"{"prompt": "q", "completion": "a", "label": 1}"#, "label: found 1, expected true or false"),
    (
      #"{"prompt": "q", "completion": "a", "label": "good"}"#,
      "label: found \"good\", expected true or false"
    ),
    (#"{"prompt": "q", "completion": "a"}"#, "the column `label` is missing"),
    (#"{"prompt": "q", "completion": "", "label": true}"#, "completion: the text is empty"),
  ]) func judgedMisfitsNameFileLineAndPath(row: String, expected: String) throws {
    let file = try ScratchFile("\n" + row)
    let found = complaint { try examples(file.source(layout: "kto")) }
    #expect(found.hasPrefix("rows.jsonl:2: " + expected), "\(found)")
  }
}
