import HalterData
import HalterTokenizers
import Testing

/// The layouts of one question and one answer, and of plain text.
@Suite struct InstructionLayoutTests {
  // MARK: - ShareGPT

  @Test func readsShareGPT() throws {
    let read = try conversations(
      #"{"conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "a"}, "#
        + #"{"from": "gpt", "value": "b", "weight": 0}, {"from": "function_call", "value": "#
        + #""{\"name\": \"f\", \"arguments\": {\"x\": 1}}"}, {"from": "observation", "value": "1"},"#
        + #" {"from": "assistant", "value": "c"}], "tools": "[]"}"#)[0]
    #expect(
      read.messages.map(\.role) == [.system, .user, .assistant, .assistant, .tool, .assistant])
    #expect(read.messages.map(\.content) == ["s", "a", "b", "", "1", "c"])
    #expect(read.messages[3].toolCalls.map(\.name) == ["f"])
    #expect(read.messages[3].toolCalls.map(\.arguments) == [#"{"x": 1}"#])
    #expect(read.weights == [nil, nil, 0, nil, nil, nil])
  }

  @Test func shareGPTReadsItsSystemColumn() throws {
    let turns = #"[{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]"#
    for (system, roles) in [
      (#""s""#, [Message.Role.system, .user, .assistant]), ("null", [.user, .assistant]),
      (#""""#, [.user, .assistant]),
    ] {
      let read = try conversations(#"{"conversations": \#(turns), "system": \#(system)}"#)
      #expect(read[0].messages.map(\.role) == roles)
    }
  }

  @Test(arguments: [
    ("3", ": found a number, expected a list of turns"),
    ("[]", ": the list of turns is empty"),
    ("[3]", "[0]: found a number, expected {\"from\": …, \"value\": …}"),
    (
      #"[{"role": "user", "content": "a"}]"#,
      "[0].from: the key is missing: found `role`, `content` (`role` and `content` belong to the"
        + " layout `messages`: name it with `layout: messages` and `columns: {messages:"
        + " conversations}`)"
    ),
    (
      #"[{"from": "narrator", "value": "a"}]"#,
      "[0].from: unknown speaker \"narrator\", expected human, gpt, system, tool or function_call"
    ),
    (#"[{"from": "human", "text": "a"}]"#, "[0].value: the key is missing: found `from`, `text`"),
    (#"[{"from": "human", "value": 3}]"#, "[0].value: found a number, expected text"),
    (#"[{"from": "human", "value": "a"}]"#, ": no message has the role assistant"),
    (
      #"[{"from": "gpt", "value": ""}]"#,
      "[0].value: an assistant message is empty: there is nothing to learn"
    ),
    (#"[{"from": "function_call", "value": "f()"}]"#, "[0].value: the text is not JSON: "),
    (#"[{"from": "function_call", "value": "{}"}]"#, "[0].value: the call names no tool: "),
    (#"[{"from": "function_call"}]"#, "[0].value: the key is missing"),
  ]) func shareGPTMisfits(turns: String, expected: String) {
    let found = complaint { try conversations("\n{\"conversations\": \(turns)}") }
    #expect(found.hasPrefix("rows.jsonl:2: conversations" + expected), "\(found)")
  }

  // MARK: - Alpaca

  @Test func readsAlpaca() throws {
    let plain = try conversations(#"{"instruction": "a", "input": "", "output": " b\n"}"#)[0]
    #expect(
      plain.messages == [
        Message(role: .user, content: "a"), Message(role: .assistant, content: " b\n"),
      ])
    let whole = try conversations(
      #"{"instruction": "a", "input": "i", "output": "b", "system": "s", "#
        + #""history": [["q", "r"], ["", "t"]]}"#)[0]
    #expect(
      whole.messages.map(\.role) == [
        .system, .user, .assistant, .user, .assistant, .user, .assistant,
      ])
    #expect(whole.messages.map(\.content) == ["s", "q", "r", "", "t", "a\n\ni", "b"])
    #expect(whole.firstTrained == 0)
    let bare = try conversations(#"{"instruction": "", "input": "i", "output": "b"}"#)[0]
    #expect(bare.messages[0].content == "i")
  }

  @Test(arguments: [
    (#"{"instruction": 1, "output": "b"}"#, "instruction: found a number, expected text"),
    (#"{"instruction": "a", "output": ""}"#, "output: the text is empty: there is nothing to"),
    (#"{"instruction": " ", "input": "", "output": "b"}"#, "instruction: the text is empty"),
    (#"{"instruction": "a", "input": ["i"], "output": "b"}"#, "input: found a list, expected"),
    (#"{"instruction": "a", "output": "b", "system": 1}"#, "system: found a number, expected"),
    (
      #"{"instruction": "a", "output": "b", "history": "q"}"#,
      "history: found text, expected a list of [question, answer] pairs"
    ),
    (
      #"{"instruction": "a", "output": "b", "history": [["q", "r"], ["q"]]}"#,
      "history[1]: expected a question and an answer"
    ),
    (
      #"{"instruction": "a", "output": "b", "history": [["q", 3, "r"]]}"#,
      "history[0]: expected a question and an answer"
    ),
    (
      #"{"instruction": "a", "output": "b", "history": [["q", ""]]}"#,
      "history[0][1]: the answer is empty"
    ),
  ]) func alpacaMisfits(row: String, expected: String) {
    let found = complaint { try conversations("\n" + row) }
    #expect(found.hasPrefix("rows.jsonl:2: " + expected), "\(found)")
  }

  // MARK: - Prompt and completion

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

  @Test func aSystemColumnStandsBeforeThePrompt() throws {
    let read = try conversations(#"{"prompt": "a", "completion": "b", "system": "s"}"#)
    #expect(read[0].messages.map(\.role) == [.system, .user, .assistant])
    #expect(read[0].firstTrained == 2)
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
    (
      #"{"prompt": "a", "completion": [{"role": "assistant", "content": ""}]}"#,
      "completion[0].content: an assistant message is empty"
    ),
  ]) func promptCompletionMisfits(row: String, expected: String) {
    let found = complaint { try conversations("\n" + row) }
    #expect(found.hasPrefix("rows.jsonl:2: " + expected), "\(found)")
  }

  // MARK: - Text and prompts

  @Test func readsText() throws {
    let file = try ScratchFile(#"{"text": " a\n", "id": 3}"# + "\n" + #"{"text": ""}"#)
    #expect(
      try examples(file.source()) == [
        .text(TextDocument(text: " a\n", location: RowLocation(file: "rows.jsonl", line: 1))),
        .text(TextDocument(text: "", location: RowLocation(file: "rows.jsonl", line: 2))),
      ])
    let wrong = try ScratchFile(#"{"text": ["a"]}"#)
    #expect(
      complaint { try examples(wrong.source()) }
        == "rows.jsonl:1: text: found a list, expected text")
  }

  @Test func readsPrompts() throws {
    let file = try ScratchFile(
      #"{"prompt": "a", "system": "s"}"# + "\n"
        + #"{"prompt": [{"role": "assistant", "content": "x"}, {"role": "user", "content": "y"}]}"#
    )
    let read = try examples(file.source())
    #expect(
      read == [
        .prompt(
          OpenPrompt(
            messages: [Message(role: .system, content: "s"), Message(role: .user, content: "a")],
            location: RowLocation(file: "rows.jsonl", line: 1))),
        .prompt(
          OpenPrompt(
            messages: [
              Message(role: .assistant, content: "x"), Message(role: .user, content: "y"),
            ], location: RowLocation(file: "rows.jsonl", line: 2))),
      ])
  }

  @Test(arguments: [
    (#"{"prompt": ""}"#, "prompt: the text is empty"),
    (
      #"{"prompt": [{"role": "assistant", "content": "x"}]}"#,
      "prompt: the last message is the assistant's: nothing asks for an answer"
    ),
    (
      #"{"prompt": [{"role": "user", "content": "x", "train": true}]}"#,
      "prompt[0]: `train` and `weight` have no meaning in this layout"
    ),
    (#"{"prompt": "a", "tools": []}"#, "tools: tools are not read in the layout `prompts`"),
  ]) func promptMisfits(row: String, expected: String) throws {
    let file = try ScratchFile("\n" + row)
    let found = complaint { try examples(file.source(layout: "prompts")) }
    #expect(found.hasPrefix("rows.jsonl:2: " + expected), "\(found)")
  }
}
