import HalterData
import HalterTokenizers
import Testing

private let good =
  #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#

@Suite struct LayoutTests {
  @Test func readsMessages() throws {
    let read = try conversations(good)
    #expect(
      read[0].messages == [
        Message(role: .user, content: "a"), Message(role: .assistant, content: "b"),
      ])
    #expect(read[0].firstTrained == 0)
  }

  @Test func readsPromptAndCompletionText() throws {
    let read = try conversations(#"{"prompt": "a", "completion": " b\n", "id": 3}"#)
    #expect(
      read[0].messages == [
        Message(role: .user, content: "a"), Message(role: .assistant, content: " b\n"),
      ])
    #expect(read[0].firstTrained == 1)
  }

  @Test func readsPromptAndCompletionMessages() throws {
    let read = try conversations(
      #"{"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}], "#
        + #""completion": [{"role": "assistant", "content": "b"}]}"#)
    #expect(read[0].messages.map(\.role) == [.system, .user, .assistant])
    #expect(read[0].firstTrained == 2)
  }

  @Test func sniffsTheLayoutFromTheFirstRow() throws {
    let messages = try ScratchFile(good)
    let reader = try SourceReader(messages.source(layout: "auto"))
    #expect(reader.decoder.layout.name == "messages")
    let pairs = try ScratchFile(#"{"prompt": "a", "completion": "b"}"#)
    #expect(try SourceReader(pairs.source()).decoder.layout.name == "prompt-completion")
  }

  @Test func everyRowMustFitTheFirst() {
    let found = complaint {
      try conversations(good + "\n" + #"{"prompt": "a", "completion": "b"}"#)
    }
    #expect(
      found.hasPrefix(
        "rows.jsonl:2: the key `messages` is missing: found `prompt`, `completion`, expected"),
      "\(found)")
    #expect(found.hasSuffix("(layout `messages`)"), "\(found)")
  }

  @Test func namedLayoutIsPinned() {
    let found = complaint { try conversations(good, layout: "prompt-completion") }
    #expect(found.hasPrefix("rows.jsonl:1: the key `prompt` is missing"), "\(found)")
  }

  @Test func unknownLayoutListsTheKnown() {
    let found = complaint { try conversations(good, layout: "mesages") }
    #expect(
      found
        == "there is no layout `mesages`; the layouts are `auto`, `messages`, `prompt-completion`")
  }

  @Test func unknownKeysNameTheKnownLayouts() {
    let found = complaint { try conversations(#"{"question": "a", "answer": "b"}"#) }
    #expect(
      found.hasPrefix("rows.jsonl:1: no layout has the keys `question`, `answer` of this row"),
      "\(found)")
    #expect(found.contains(#"messages: {"messages": ["#), "\(found)")
  }

  @Test func ambiguousKeysAskForALayout() {
    let found = complaint {
      try conversations(#"{"messages": [], "prompt": "a", "completion": "b"}"#)
    }
    #expect(
      found.contains("fit the layouts `messages` and `prompt-completion`; name one"), "\(found)")
  }

  @Test(arguments: [
    (#""x""#, ": found text, expected a list of messages"),
    ("[]", ": the list of messages is empty"),
    (#"["x"]"#, "[0]: found text, expected {\"role\": …, \"content\": …}"),
    (#"[{"content": "x"}]"#, "[0].role: the key is missing: found `content`"),
    (
      #"[{"from": "human", "value": "x"}]"#,
      "[0].role: the key is missing: found `from`, `value` (`from` and `value` are ShareGPT's"
    ),
    (#"[{"role": 1, "content": "x"}]"#, "[0].role: found a number, expected text"),
    (
      #"[{"role": "human", "content": "x"}]"#,
      "[0].role: unknown role \"human\", expected system, user, assistant or tool; did you"
        + " mean `user`?"
    ),
    (
      #"[{"role": "narrator", "content": "x"}]"#,
      "[0].role: unknown role \"narrator\", expected system, user, assistant or tool"
    ),
    (#"[{"role": "user"}]"#, "[0].content: the key is missing: found `role`"),
    (
      #"[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},"#
        + #" {"role": "user", "content": ["c"]}]"#,
      "[2].content: found a list, expected text"
    ),
    (
      #"[{"role": "user", "content": "a"}, {"role": "assistant", "content": null}]"#,
      "[1].content: found null, expected text"
    ),
    (
      #"[{"role": "assistant", "content": " \n"}]"#,
      "[0].content: an assistant message is empty: there is nothing to learn"
    ),
    (
      #"[{"role": "user", "content": "a"}]"#,
      ": no message has the role assistant: there is nothing to learn"
    ),
    (
      #"[{"role": "assistant", "content": "a", "train": false}]"#,
      "[0].train: this key would change what is trained and is not supported yet"
    ),
  ]) func messageMisfitsNameFileLineAndPath(messages: String, expected: String) {
    let found = complaint { try conversations("\n{\"messages\": \(messages)}") }
    #expect(found.hasPrefix("rows.jsonl:2: messages" + expected), "\(found)")
  }

  @Test(arguments: [
    (
      #"{"prompt": 3, "completion": "b"}"#,
      "prompt: found a number, expected text or a list of messages"
    ),
    (#"{"prompt": "a", "completion": ""}"#, "completion: the text is empty"),
    (
      #"{"prompt": "a", "completion": [{"role": "user", "content": "x"}]}"#,
      "completion: no message has the role assistant: there is nothing to learn"
    ),
    (
      #"{"prompt": [{"role": "x", "content": "y"}], "completion": "b"}"#,
      "prompt[0].role: unknown role \"x\""
    ),
  ]) func pairMisfitsNameFileLineAndPath(row: String, expected: String) {
    let found = complaint { try conversations("\n" + row) }
    #expect(found.hasPrefix("rows.jsonl:2: " + expected), "\(found)")
  }

  @Test func emptyToolCallsDoNotMatter() throws {
    let row = #"{"messages": [{"role": "assistant", "content": "b", "tool_calls": null}]}"#
    #expect(try conversations(row).count == 1)
  }

  @Test(arguments: ["", "\n\n", "\u{FEFF}", "  \r\n"]) func anEmptyFileIsRefused(text: String) {
    #expect(
      complaint { try conversations(text) }
        == "rows.jsonl: the file is empty: expected one JSON object a line")
  }

  @Test func limitStopsBeforeLaterRows() throws {
    let file = try ScratchFile(good + "\n" + good + "\nnot JSON")
    #expect(try examples(file.source(limit: 2)).count == 2)
  }

  @Test func everyLayoutHasItsOwnName() {
    #expect(Set(Layouts.all.map(\.name)).count == Layouts.all.count)
  }
}
