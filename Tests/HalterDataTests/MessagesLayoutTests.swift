import HalterData
import HalterTokenizers
import Testing

@Suite struct MessagesLayoutTests {
  private func one(_ messages: String, beside: String = "") throws -> Conversation {
    let read = try conversations(#"{"messages": \#(messages)\#(beside)}"#)
    return try #require(read.first)
  }

  @Test func readsMessages() throws {
    let read = try one(
      #"[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]"#)
    #expect(
      read.messages == [
        Message(role: .user, content: "a"), Message(role: .assistant, content: "b"),
      ])
    #expect(read.firstTrained == 0)
    #expect(read.weights == [nil, nil])
    #expect(read.tools.isEmpty)
  }

  @Test func readsNamesAndWeights() throws {
    let read = try one(
      #"[{"role": "user", "content": "a", "name": "Ada", "train": true},"#
        + #" {"role": "assistant", "content": "b", "train": false},"#
        + #" {"role": "assistant", "content": "c", "weight": 0.5},"#
        + #" {"role": "assistant", "content": "d", "weight": 2, "train": true},"#
        + #" {"role": "assistant", "content": "e", "train": null, "weight": null}]"#)
    #expect(read.weights == [1, 0, 0.5, 2, nil])
    #expect(read.messages.map(\.name) == ["Ada", nil, nil, nil, nil])
  }

  @Test func readsToolCalls() throws {
    let read = try one(
      #"[{"role": "user", "content": "a"}, {"role": "assistant", "content": null, "tool_calls": "#
        + #"[{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "#
        + #"{"x":1,"y":[2.50,"é\"\n"]}}}, {"name": "now", "arguments": "{\"zone\":  null}"}]},"#
        + #" {"role": "tool", "name": "add", "tool_call_id": "c1", "content": "3"},"#
        + #" {"role": "assistant", "content": "3"}]"#,
      beside: #", "tools": [{"type": "function", "function": {"name": "add"}}]"#)
    let calls = read.messages[1].toolCalls
    #expect(calls.map(\.name) == ["add", "now"])
    #expect(calls.map(\.id) == ["c1", nil])
    #expect(calls[0].arguments == #"{"x": 1, "y": [2.5, "é\"\n"]}"#)
    #expect(calls[1].arguments == #"{"zone": null}"#)
    #expect(read.messages[1].content == "")
    #expect(read.messages[2] == Message(role: .tool, content: "3", name: "add"))
    #expect(
      read.tools.map(\.line) == [#"{"type": "function", "function": {"name": "add"}}"#])
    #expect(
      read.tools.map(\.indented) == [
        "{\n    \"type\": \"function\",\n    \"function\": {\n        \"name\": \"add\"\n    }\n}"
      ])
  }

  @Test func toolsMayBeSpelledAsText() throws {
    let read = try one(
      #"[{"role": "assistant", "content": "b"}]"#, beside: #", "tools": "[{\"name\":\"x\"}]""#)
    #expect(read.tools.map(\.line) == [#"{"name": "x"}"#])
  }

  @Test func aSystemColumnOpensTheConversation() throws {
    let read = try one(
      #"[{"role": "assistant", "content": "b", "train": true}]"#, beside: #", "system": "s""#)
    #expect(read.messages.map(\.role) == [.system, .assistant])
    #expect(read.weights == [nil, 1])
  }

  @Test func emptyToolCallsDoNotMatter() throws {
    for calls in ["null", "[]"] {
      let read = try one(#"[{"role": "assistant", "content": "b", "tool_calls": \#(calls)}]"#)
      #expect(read.messages[0].toolCalls.isEmpty)
    }
  }

  @Test(arguments: [
    (#""x""#, ": found text, expected a list of messages"),
    ("[]", ": the list of messages is empty"),
    (#"["x"]"#, "[0]: found text, expected {\"role\": …, \"content\": …}"),
    (#"[{"content": "x"}]"#, "[0].role: the key is missing: found `content`"),
    (
      #"[{"from": "human", "value": "x"}]"#,
      "[0].role: the key is missing: found `from`, `value` (`from` and `value` belong to the"
        + " layout `sharegpt`"
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
      #"[{"role": "assistant", "content": "a", "train": 1}]"#,
      "[0].train: found 1, expected true or false"
    ),
    (
      #"[{"role": "assistant", "content": "a", "weight": -0.5}]"#,
      "[0].weight: found -0.5, expected a number of 0 or more"
    ),
    (
      #"[{"role": "assistant", "content": "a", "weight": "2"}]"#,
      "[0].weight: found \"2\", expected a number of 0 or more"
    ),
    (
      #"[{"role": "assistant", "content": "a", "weight": 1e39}]"#,
      "[0].weight: found 1e39, expected a number of 0 or more"
    ),
    (
      #"[{"role": "assistant", "content": "a", "train": false, "weight": 1}]"#,
      "[0].weight: `train` is false and `weight` is 1: keep one of them"
    ),
    (
      #"[{"role": "user", "content": "a", "tool_calls": [{"name": "x", "arguments": {}}]}]"#,
      "[0].tool_calls: only an assistant calls tools, this is user"
    ),
    (
      #"[{"role": "assistant", "content": "", "tool_calls": {}}]"#,
      "[0].tool_calls: found an object, expected a list of calls"
    ),
    (
      #"[{"role": "assistant", "content": "", "tool_calls": [{"arguments": {}}]}]"#,
      "[0].tool_calls[0]: the call names no tool: found `arguments`"
    ),
    (
      #"[{"role": "assistant", "content": "", "tool_calls": [{"name": "x"}]}]"#,
      "[0].tool_calls[0].arguments: the key is missing"
    ),
    (
      #"[{"role": "assistant", "content": "", "tool_calls": [{"name": "x", "arguments": "{"}]}]"#,
      "[0].tool_calls[0].arguments: the text is not JSON: "
    ),
    (
      #"[{"role": "assistant", "content": "", "tool_calls": [{"name": "x", "arguments": "3"}]}]"#,
      "[0].tool_calls[0].arguments: the text spells a number, expected an object"
    ),
    (
      #"[{"role": "assistant", "content": "a", "name": 3}]"#,
      "[0].name: found a number, expected text"
    ),
  ]) func misfitsNameFileLineAndPath(messages: String, expected: String) {
    let found = complaint { try conversations("\n{\"messages\": \(messages)}") }
    #expect(found.hasPrefix("rows.jsonl:2: messages" + expected), "\(found)")
  }

  @Test(arguments: [
    (#", "tools": {}"#, "tools: found an object, expected a list of tools"),
    (#", "tools": ["x"]"#, "tools[0]: found text, expected an object"),
    (#", "tools": "x""#, "tools: the text is not JSON: "),
    (#", "system": 3"#, "system: found a number, expected text"),
  ]) func columnsBesideAreChecked(beside: String, expected: String) {
    let found = complaint {
      try one(#"[{"role": "assistant", "content": "b"}]"#, beside: beside)
    }
    #expect(found.hasPrefix("rows.jsonl:1: " + expected), "\(found)")
  }

  @Test func twoSystemTextsAreRefused() {
    let found = complaint {
      try one(
        #"[{"role": "system", "content": "a"}, {"role": "assistant", "content": "b"}]"#,
        beside: #", "system": "s""#)
    }
    #expect(
      found == "rows.jsonl:1: system: messages[0] is a system message too: keep one of them")
  }
}
