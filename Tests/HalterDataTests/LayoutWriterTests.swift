import HalterData
import HalterJSON
import HalterTokenizers
import Testing

@Suite struct LayoutWriterTests {
  private func write(
    _ target: LayoutWriter.Target, _ row: String, side: LayoutWriter.Side? = nil
  ) throws -> String {
    let file = try ScratchFile(row)
    let writer = LayoutWriter(target, side: side)
    return try examples(file.source()).flatMap { try writer.rows(for: $0) }.map(\.text)
      .joined(separator: "\n")
  }

  private let chat =
    #"{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}, "#
    + #"{"role": "assistant", "content": "b"}, {"role": "user", "content": "c\n\"é\""}, "#
    + #"{"role": "assistant", "content": "d"}]}"#

  @Test func messagesStayAsTheyAre() throws {
    #expect(try write(.messages, chat) == chat)
  }

  @Test func turnsBecomeShareGPT() throws {
    let from = #"{"from": "#
    #expect(
      try write(.sharegpt, chat)
        == #"{"conversations": ["# + from + #""system", "value": "s"}, "# + from
        + #""human", "value": "a"}, "# + from + #""gpt", "value": "b"}, "# + from
        + #""human", "value": "c\n\"é\""}, "# + from + #""gpt", "value": "d"}]}"#)
  }

  @Test func theLastTurnBecomesAlpaca() throws {
    #expect(
      try write(.alpaca, chat)
        == #"{"instruction": "c\n\"é\"", "input": "", "output": "d", "system": "s", "#
        + #""history": [["a", "b"]]}"#)
  }

  @Test func theLastAnswerBecomesTheCompletion() throws {
    let row = try write(.promptCompletion, chat)
    #expect(row.hasSuffix(#""completion": [{"role": "assistant", "content": "d"}]}"#), "\(row)")
    #expect(row.hasPrefix(#"{"prompt": [{"role": "system", "content": "s"}, "#), "\(row)")
  }

  @Test func thePromptIsWhatStandsBeforeTheLastAnswer() throws {
    let row = try write(.prompts, chat)
    #expect(row.hasSuffix(#"{"role": "user", "content": "c\n\"é\""}]}"#), "\(row)")
  }

  @Test func contextThatIsNotLearntStaysSo() throws {
    let row =
      #"{"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, "#
      + #"{"role": "user", "content": "c"}], "completion": "d"}"#
    #expect(
      try write(.messages, row).contains(
        #"{"role": "assistant", "content": "b", "weight": 0.0}"#))
    #expect(complaint { try write(.sharegpt, row) }.contains("rows.jsonl:1: the row does not fit"))
  }

  private let pair = PreferencePair(
    prompt: [Message(role: .user, content: "q")],
    chosen: [Message(role: .assistant, content: "good")],
    rejected: [Message(role: .assistant, content: "bad")], margin: 2,
    location: RowLocation(file: "pairs.jsonl", line: 3))

  @Test func aPairBecomesTwoJudgedAnswers() throws {
    let rows = try LayoutWriter(.kto).rows(for: .preference(pair)).map(\.text)
    #expect(rows.count == 2)
    #expect(rows[0].hasSuffix(#""content": "good"}], "label": true}"#), "\(rows)")
    #expect(rows[1].hasSuffix(#""content": "bad"}], "label": false}"#), "\(rows)")
  }

  @Test func aPairBecomesTranscripts() throws {
    #expect(
      try LayoutWriter(.hhRLHF).rows(for: .preference(pair)).map(\.text) == [
        #"{"chosen": "\n\nHuman: q\n\nAssistant: good", "#
          + #""rejected": "\n\nHuman: q\n\nAssistant: bad", "margin": 2.0}"#
      ])
  }

  @Test func toolCallsAreKeptOrRefused() throws {
    let row =
      #"{"messages": [{"role": "user", "content": "q", "name": "Ada"}, {"role": "assistant", "#
      + #""content": "", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "#
      + #""arguments": {"x": [1, "é"]}}}]}], "tools": [{"name": "f"}]}"#
    let file = try ScratchFile(row)
    let example = try #require(try examples(file.source()).first)
    #expect(try LayoutWriter(.messages).rows(for: example).map(\.text) == [row])
    for target in [LayoutWriter.Target.sharegpt, .alpaca] {
      let found = complaint { try LayoutWriter(target).rows(for: example) }
      #expect(found.hasSuffix("its tools and their calls would be lost"), "\(found)")
    }
  }

  @Test func oneSideOfAPairIsAskedFor() throws {
    let found = complaint { try LayoutWriter(.messages).rows(for: .preference(pair)) }
    #expect(found.hasPrefix("pairs.jsonl:3: the row does not fit the layout messages"), "\(found)")
    #expect(found.contains("--side"), "\(found)")
    let rows = try LayoutWriter(.messages, side: .rejected).rows(for: .preference(pair))
    #expect(rows[0].text.contains("bad"))
  }

  @Test(arguments: LayoutWriter.Target.allCases)
  func whatDoesNotFitIsRefusedNotCut(target: LayoutWriter.Target) {
    let text = Example.text(
      TextDocument(text: "t", location: RowLocation(file: "t.jsonl", line: 1)))
    let found = complaint { try LayoutWriter(target).rows(for: text) }
    #expect(found.isEmpty == (target == .text), "\(found)")
  }
}
