import Foundation
import HalterJSON
import HalterTokenizers
import Testing

@testable import HalterData

/// Tool calls, written down as transformers does with the models' own templates: golden texts of
/// Tests/Parity/make_tool_chats.py.
@Suite struct ToolTemplateTests {
  private struct Golden {
    let template: ChatTemplate
    let conversation: Conversation
    let asksForAnswer: Bool
    let text: String
  }

  private func golden() throws -> [Golden] {
    let url = try #require(Bundle.module.resourceURL)
      .appendingPathComponent("Fixtures/tool-chats.jsonl")
    var lines = try JSONLines(url: url, name: "tool-chats.jsonl")
    var all: [Golden] = []
    while let record = try lines.next() {
      let row = SourceRow(try record.object(), at: record.location)
      let kind = try #require(row["kind"]?.string)
      var template = try ChatTemplate.named(kind)
      template.defaultSystem = row["system"]?.string
      // The column is no system text of the row's.
      let turns = try row.turns(try #require(row["messages"]), path: "messages")
      all.append(
        Golden(
          template: template,
          conversation: Conversation(
            messages: turns.messages, tools: try row.tools(), location: record.location),
          asksForAnswer: row["prompt"]?.bool == true, text: try #require(row["text"]?.string)))
    }
    return all
  }

  @Test func textsAreThoseOfTransformers() throws {
    let golden = try golden()
    #expect(golden.count > 80)
    for row in golden {
      let spans = try row.template.render(
        row.conversation.messages, tools: row.conversation.tools,
        addGenerationPrompt: row.asksForAnswer)
      let text = spans.map(\.text).joined()
      #expect(text.unicodeScalars.elementsEqual(row.text.unicodeScalars), "\(row.text)")
    }
  }

  @Test func idsAreThoseOfTheWholeText() throws {
    let tags = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
    for specials in [TinyTokenizer.specials, TinyTokenizer.specials + tags] {
      let tokenizer = try TinyTokenizer.make(specials: specials)
      for row in try golden() where !row.text.contains(#"é😀</tool_call>"#) {
        let spans = try row.template.render(
          row.conversation.messages, tools: row.conversation.tools,
          addGenerationPrompt: row.asksForAnswer)
        #expect(
          tokenizer.encode(spans: spans).map(\.id)
            == tokenizer.encode(row.text, parseSpecial: true), "\(row.text)")
      }
    }
  }

  @Test func everyAnswerBehindToolsCanBeLearnt() throws {
    let tokenizer = try TinyTokenizer.make()
    for row in try golden() {
      let renderer = PromptRenderer(tokenizer: tokenizer, template: row.template)
      let learnt = try renderer.row(row.conversation)
      for (index, message) in row.conversation.messages.enumerated()
      where message.role == .assistant && index > 0 {
        let prompt = try renderer.prompt(
          for: Array(row.conversation.messages[..<index]), tools: row.conversation.tools)
        #expect(learnt.tokens.starts(with: prompt))
        #expect(learnt.lossWeights[prompt.count - 1] == 0)
        #expect(learnt.lossWeights[prompt.count] == 1)
      }
    }
  }

  private let row =
    #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "#
    + #""tool_calls": [{"name": "f", "arguments": {"x": 1}}]}, {"role": "tool", "content": "r"}, "#
    + #"{"role": "tool", "content": "s"}, {"role": "assistant", "content": "a"}]}"#

  @Test func callsAreLearntAndResultsAreNot() throws {
    #expect(
      try Encoding("hermes").rows(row) == [
        "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n"
          + "«<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call><|im_end|>»\n"
          + "<|im_start|>user\n<tool_response>\nr\n</tool_response>\n<tool_response>\ns\n"
          + "</tool_response><|im_end|>\n<|im_start|>assistant\n«a<|im_end|>»\n"
      ])
    #expect(
      try Encoding("llama3.1", bos: "<|begin_of_text|>", eos: "<|eot_id|>").rows(row)[0]
        .contains("«{\"name\": \"f\", \"parameters\": {\"x\": 1}}<|eot_id|>»"))
  }

  @Test(arguments: ["chatml", "llama2", "llama3", "alpaca"])
  func otherTemplatesRefuseThem(name: String) throws {
    let found = complaint { try Encoding(name).rows(row) }
    #expect(
      found
        == "rows.jsonl:1: messages: the template \(name) cannot write them down: message 2: the"
        + " template \(name) has no way to write tool calls; take such rows out, or choose"
        + " `template: hermes` or `template: llama3.1` if the model knows how to call tools so")
    let tools = complaint {
      try Encoding(name).rows(
        #"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "#
          + #""tools": [{"name": "f"}]}"#)
    }
    #expect(tools.contains("the template \(name) has no way to write tools;"), "\(tools)")
  }

  @Test(arguments: [
    (
      #"{"role": "assistant", "content": "I look.", "tool_calls": [{"name": "f", "#
        + #""arguments": {}}]}"#, "found 1 tool calls beside a text of 7 characters"
    ),
    (
      #"{"role": "assistant", "content": "", "tool_calls": [{"name": "f", "arguments": {}}, "#
        + #"{"name": "g", "arguments": {}}]}"#,
      "found 2 tool calls beside a text of 0 characters, expected one call and no text"
    ),
  ]) func llama31RefusesWhatItWouldLeaveAway(message: String, expected: String) throws {
    let found = complaint {
      try Encoding("llama3.1").rows(
        #"{"messages": [{"role": "user", "content": "q"}, \#(message)]}"#)
    }
    #expect(found.contains("message 2: " + expected), "\(found)")
  }

  @Test func llama31DescribesToolsToAUserOnly() {
    let found = complaint {
      try Encoding("llama3.1").rows(
        #"{"messages": [{"role": "assistant", "content": "a"}], "tools": [{"name": "f"}]}"#)
    }
    #expect(found.contains("tools are described in the first user message"), "\(found)")
  }
}
