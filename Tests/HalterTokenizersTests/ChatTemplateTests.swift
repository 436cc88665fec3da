import HalterTokenizers
import Testing

private let system = Message(role: .system, content: "sys")
private let user = Message(role: .user, content: "u")
private let assistant = Message(role: .assistant, content: "a")

@Suite("Chat templates")
struct ChatTemplateTests {
  static let smollmSystem =
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

  static func template(_ kind: ChatTemplate.Kind) -> ChatTemplate {
    ChatTemplate(kind, defaultSystem: kind == .chatml ? smollmSystem : nil)
  }

  // Hermes and Llama 3.1 have golden texts with tools among the tests of HalterData, which read
  // rows.
  @Test(
    "the joined spans are the reference text",
    arguments: [ChatTemplate.Kind.chatml, .llama3, .llama2, .alpaca])
  func golden(kind: ChatTemplate.Kind) throws {
    let chats = try Fixture.json("chat.json", as: [GoldenChat].self)
      .filter { $0.kind == kind.rawValue }
    #expect(chats.count >= 20)
    for chat in chats {
      let spans = try Self.template(kind).render(chat.messages, addGenerationPrompt: chat.prompt)
      let text = spans.map(\.text).joined()
      #expect(text.unicodeScalars.elementsEqual(chat.text.unicodeScalars), "\(chat.text)")
    }
  }

  @Test(
    "the ids of the spans are those of the whole text",
    arguments: [(ChatTemplate.Kind.llama3, "llama3"), (.llama2, "llama2"), (.alpaca, "llama2")])
  func goldenIDs(kind: ChatTemplate.Kind, name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    for chat in try Fixture.json("chat.json", as: [GoldenChat].self)
    where chat.kind == kind.rawValue {
      let spans = try Self.template(kind).render(chat.messages, addGenerationPrompt: chat.prompt)
      #expect(tokenizer.encode(spans: spans).map(\.id) == chat.ids, "\(chat.text)")
    }
  }

  @Test(
    "the jinja of a template is detected as that template", arguments: ChatTemplate.Kind.allCases)
  func jinjaRoundTrip(kind: ChatTemplate.Kind) throws {
    let template = Self.template(kind)
    let found = try ChatTemplate.detect(jinja: template.jinja)
    #expect(found == template)
    let isLlama3 = kind == .llama3 || kind == .llama31
    let name = isLlama3 ? "llama3" : "llama2"
    let tokenizer = try Fixture.tokenizer(name)
    if kind != .chatml {
      // The check by transformers needs the begin and end tokens that the template names.
      let config =
        #"{"bos_token": "\#(isLlama3 ? "<|begin_of_text|>" : "<s>")", "eos_token": "</s>"}"#
      let named = try Tokenizer(
        tokenizerJSON: try Fixture.tokenizerJSON(name), configJSON: Array(config.utf8))
      try Fixture.export(named, as: "\(name)@\(kind.rawValue)", jinja: template.jinja)
    }
    #expect(tokenizer.vocabularySize > 1000)
  }

  @Test("an assistant's turn is header, content, stop, separator")
  func parts() throws {
    let spans = try ChatTemplate(.chatml).render([user, assistant], addGenerationPrompt: false)
    let turn = spans.filter { $0.messageIndex == 1 }
    #expect(turn.map(\.part) == [.header, .header, .content, .stop, .separator])
    #expect(turn.map(\.text) == ["<|im_start|>", "assistant\n", "a", "<|im_end|>", "\n"])
    #expect(turn.map(\.isControl) == [true, false, false, true, false])
  }

  @Test(
    "every kind has a trained stop span in an assistant's turn",
    arguments: ChatTemplate.Kind.allCases)
  func stopSpan(kind: ChatTemplate.Kind) throws {
    let template = ChatTemplate(kind)
    let spans = try template.render([user, assistant], addGenerationPrompt: false)
    let stops = spans.filter { $0.messageIndex == 1 && $0.part == .stop && $0.isControl }
    #expect(stops.map(\.text) == template.stopTokens)
  }

  @Test(
    "the generation prompt is a beginning of the finished turn",
    arguments: ChatTemplate.Kind.allCases)
  func promptIsPrefix(kind: ChatTemplate.Kind) throws {
    let template = ChatTemplate(kind)
    let prompt = try template.render([system, user], addGenerationPrompt: true)
    let whole = try template.render([system, user, assistant], addGenerationPrompt: false)
    #expect(whole.map(\.text).joined().hasPrefix(prompt.map(\.text).joined()))
    #expect(prompt.allSatisfy { $0.part != .stop || $0.messageIndex != 2 })
  }

  @Test("a default system turn belongs to no message")
  func defaultSystem() throws {
    let template = ChatTemplate(.chatml, defaultSystem: "D")
    let spans = try template.render([user], addGenerationPrompt: false)
    let content = try #require(spans.first { $0.part == .content })
    #expect(content.text == "D")
    #expect(content.messageIndex == nil)
    let own = try template.render([system, user], addGenerationPrompt: false)
    #expect(!own.contains { $0.text == "D" })
  }

  @Test("SmolLM2's jinja gives its default system text")
  func detectSmolLM2() throws {
    let jinja = String(decoding: try Fixture.bytes("smollm2.jinja"), as: UTF8.self)
    let template = try ChatTemplate.detect(jinja: jinja)
    #expect(template.kind == .chatml)
    #expect(template.defaultSystem == Self.smollmSystem)
  }

  @Test("an escaped default system text is read; one that is put together is not")
  func detectEscaped() throws {
    let escaped = #"{{- '<|im_start|>system\nIt\'s me.<|im_end|>\n' }}"#
    #expect(try ChatTemplate.detect(jinja: escaped).defaultSystem == "It's me.")
    let joined = "{{ '<|im_start|>system\n' + message['content'] + '<|im_end|>' }}"
    #expect(try ChatTemplate.detect(jinja: joined).defaultSystem == nil)
    let behindTools =
      "{% if tools %}{{ '<|im_start|>system\\n' + tools + '<tool_call><|im_end|>\\n' }}{% else %}"
      + "{{ '<|im_start|>system\\nD.<|im_end|>\\n' }}{% endif %}"
    let found = try ChatTemplate.detect(jinja: behindTools)
    #expect(found.kind == .hermes)
    #expect(found.defaultSystem == "D.")
  }

  @Test(
    "markers choose the template",
    arguments: [
      ("{{ '<|im_start|>' }}", ChatTemplate.Kind.chatml),
      ("{{ '<|start_header_id|>' }}", .llama3),
      ("{{ '<|im_start|>' }}{{ '<tool_call>' }}", .hermes),
      ("{{ '<|start_header_id|>' }}{{ 'Cutting Knowledge Date: December 2023' }}", .llama31),
      ("[INST] <<SYS>> [/INST]", .llama2),
      ("### Instruction:", .alpaca),
    ])
  func detectMarkers(jinja: String, kind: ChatTemplate.Kind) throws {
    #expect(try ChatTemplate.detect(jinja: jinja).kind == kind)
  }

  @Test(
    "an unknown template names the known ones and the key", arguments: [nil, "{{ x }}", "[INST]"])
  func detectUnknown(jinja: String?) throws {
    let error = try #require(throws: TokenizerError.self) {
      try ChatTemplate.detect(jinja: jinja)
    }
    #expect(error.kind == .template)
    for name in ChatTemplate.names + ["`template:`"] {
      #expect(error.description.contains(name))
    }
  }

  @Test("templates by name")
  func named() throws {
    for name in ["chatml", "hermes", "llama2", "llama3", "llama3.1", "alpaca"] {
      #expect(try ChatTemplate.named(name).kind.rawValue == name)
    }
    let error = try #require(throws: TokenizerError.self) { try ChatTemplate.named("chat-ml") }
    #expect(error.description.contains("chat-ml"))
    #expect(error.description.contains("alpaca"))
  }

  @Test("a system message may only come first", arguments: ChatTemplate.Kind.allCases)
  func systemFirst(kind: ChatTemplate.Kind) throws {
    let error = try #require(throws: TokenizerError.self) {
      try ChatTemplate(kind).render([user, system], addGenerationPrompt: false)
    }
    #expect(error.place == "message 2")
  }

  @Test("no messages are refused", arguments: ChatTemplate.Kind.allCases)
  func empty(kind: ChatTemplate.Kind) {
    #expect(throws: TokenizerError.self) {
      try ChatTemplate(kind).render([], addGenerationPrompt: true)
    }
  }

  @Test(
    "Llama 2 and Alpaca want turns to alternate",
    arguments: [ChatTemplate.Kind.llama2, .alpaca],
    [[user, user], [assistant], [system, assistant], [system], [user, assistant, assistant]])
  func alternation(kind: ChatTemplate.Kind, messages: [Message]) {
    #expect(throws: TokenizerError.self) {
      try ChatTemplate(kind).render(messages, addGenerationPrompt: false)
    }
  }

  @Test("a template whose stop token the tokenizer lacks is refused")
  func stopIDs() throws {
    let tokenizer = try Fixture.tokenizer("gpt2")
    let end = try #require(tokenizer.id(of: "<|im_end|>"))
    #expect(try ChatTemplate(.chatml).stopIDs(in: tokenizer) == [end])
    let error = try #require(throws: TokenizerError.self) {
      try ChatTemplate(.llama3).stopIDs(in: tokenizer)
    }
    #expect(error.description.contains("<|eot_id|>"))
  }
}
