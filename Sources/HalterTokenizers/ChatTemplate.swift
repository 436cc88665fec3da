/// How a conversation is written down for a model.
///
/// The spans, joined, are the text that the checkpoint's own jinja template gives.
public struct ChatTemplate: Sendable, Equatable, Codable {
  /// The templates that are built in.
  public enum Kind: String, Sendable, CaseIterable, Codable {
    /// `<|im_start|>role … <|im_end|>`: SmolLM2, Qwen and many others.
    case chatml
    /// `[INST] … [/INST]` with `<<SYS>>`: Llama 2 chat.
    case llama2
    /// `<|start_header_id|>role<|end_header_id|>`: Llama 3 instruct. The dates and tool
    /// descriptions that Llama 3.1 and later put into the system turn are left out.
    case llama3
    /// `### Instruction:` and `### Response:`: Stanford Alpaca.
    case alpaca
  }

  /// Which template this is.
  public let kind: Kind
  /// The system text of a conversation that brings none, or nil.
  public var defaultSystem: String?
  /// The control text that begins a conversation; empty for none.
  public var bos: String
  /// The control text that ends an assistant's turn.
  public var stop: String

  /// The preamble of Stanford Alpaca for instructions without input.
  public static let alpacaPreamble =
    "Below is an instruction that describes a task. "
    + "Write a response that appropriately completes the request."

  /// The template `kind` with its usual control tokens, or those of `tokenizer` where it has them.
  public init(_ kind: Kind, defaultSystem: String? = nil, tokenizer: Tokenizer? = nil) {
    self.kind = kind
    self.defaultSystem = defaultSystem
    let ownBOS = tokenizer?.special.bos.flatMap { tokenizer?.token($0) }
    let ownEOS = tokenizer?.special.eos.flatMap { tokenizer?.token($0) }
    switch kind {
    case .chatml: (bos, stop) = ("", "<|im_end|>")
    case .llama3: (bos, stop) = (ownBOS ?? "<|begin_of_text|>", "<|eot_id|>")
    case .llama2: (bos, stop) = (ownBOS ?? "<s>", ownEOS ?? "</s>")
    case .alpaca:
      (bos, stop) = (tokenizer?.addsBOS == true ? ownBOS ?? "" : "", ownEOS ?? "</s>")
      self.defaultSystem = defaultSystem ?? Self.alpacaPreamble
    }
  }

  /// The control texts at which generation must stop.
  public var stopTokens: [String] { [stop] }

  /// The ids of `stopTokens`.
  ///
  /// - Parameter tokenizer: The tokenizer of the model.
  /// - Returns: One id for each stop text.
  /// - Throws: `TokenizerError` if the tokenizer has no such control token, because a model that
  ///   cannot write it would never stop.
  public func stopIDs(in tokenizer: Tokenizer) throws(TokenizerError) -> [Int32] {
    var ids: [Int32] = []
    for text in stopTokens {
      guard let token = tokenizer.addedTokens.first(where: { $0.content == text }) else {
        throw TokenizerError(
          .template,
          "the template \(kind.rawValue) ends turns with \(text), which is not a token of this "
            + "tokenizer", mend: "choose another with `template:` in the recipe")
      }
      ids.append(token.id)
    }
    return ids
  }

  /// Writes a conversation down.
  ///
  /// - Parameters:
  ///   - messages: The turns; a system turn may only come first.
  ///   - tools: What the assistant may call.
  ///   - addGenerationPrompt: Whether to end with the header of an assistant's turn.
  /// - Returns: The spans in order. An assistant's turn is header, content, stop, separator.
  /// - Throws: `TokenizerError` naming the message that does not fit the template.
  public func render(
    _ messages: [Message], tools: [Tool] = [], addGenerationPrompt: Bool
  ) throws(TokenizerError) -> [TemplateSpan] {
    if !tools.isEmpty {
      throw TokenizerError(
        .template, "the template \(kind.rawValue) has no way to write down tools",
        mend: "take such rows out")
    }
    try check(messages)
    var out = SpanBuilder()
    if !bos.isEmpty, kind != .llama2 { out.control(bos) }
    switch kind {
    case .chatml: renderChatML(messages, addGenerationPrompt, &out)
    case .llama3: renderLlama3(messages, addGenerationPrompt, &out)
    case .llama2: renderLlama2(messages, &out)
    case .alpaca: renderAlpaca(messages, addGenerationPrompt, &out)
    }
    return out.spans
  }

  private func check(_ messages: [Message]) throws(TokenizerError) {
    guard !messages.isEmpty else {
      throw TokenizerError(.template, "the conversation has no messages")
    }
    let alternates = kind == .llama2 || kind == .alpaca
    let hasSystem = messages[0].role == .system
    if let index = messages.firstIndex(where: { !$0.toolCalls.isEmpty }) {
      throw TokenizerError(
        .template, "the template \(kind.rawValue) has no way to write tool calls",
        at: "message \(index + 1)", mend: "take such rows out")
    }
    for (index, message) in messages.enumerated() where index > 0 || !hasSystem {
      let place = "message \(index + 1)"
      if message.role == .system {
        throw TokenizerError(
          .template, "a system message after the first message", at: place,
          mend: "move it to the front")
      }
      guard alternates else { continue }
      let isUserTurn = (index - (hasSystem ? 1 : 0)) % 2 == 0
      guard message.role == (isUserTurn ? .user : .assistant) else {
        throw TokenizerError(
          .template,
          "found \(message.role.rawValue), expected \(isUserTurn ? "user" : "assistant")",
          at: place,
          mend: "in the template \(kind.rawValue) user and assistant take turns, user first")
      }
    }
    if alternates, hasSystem, messages.count == 1 {
      throw TokenizerError(
        .template, "a system message alone", at: "message 1",
        mend: "the template \(kind.rawValue) needs a user message after it")
    }
  }

  private func renderChatML(_ messages: [Message], _ prompts: Bool, _ out: inout SpanBuilder) {
    func turn(_ role: String, _ content: String, _ index: Int?) {
      out.begin(index)
      out.control("<|im_start|>")
      out.header(role + "\n")
      out.content(content)
      out.stop("<|im_end|>", isControl: true)
      out.separator("\n")
    }
    if let defaultSystem, messages[0].role != .system { turn("system", defaultSystem, nil) }
    for (index, message) in messages.enumerated() {
      turn(message.role.rawValue, message.content, index)
    }
    if prompts {
      out.begin(nil)
      out.control("<|im_start|>")
      out.header("assistant\n")
    }
  }

  private func renderLlama3(_ messages: [Message], _ prompts: Bool, _ out: inout SpanBuilder) {
    func header(_ role: String) {
      out.control("<|start_header_id|>")
      out.header(role)
      out.control("<|end_header_id|>")
      out.header("\n\n")
    }
    func turn(_ role: String, _ content: String, _ index: Int?) {
      out.begin(index)
      header(role)
      out.content(content.trimmedAsPython)
      out.stop("<|eot_id|>", isControl: true)
    }
    if let defaultSystem, messages[0].role != .system { turn("system", defaultSystem, nil) }
    for (index, message) in messages.enumerated() {
      turn(message.role == .tool ? "ipython" : message.role.rawValue, message.content, index)
    }
    out.begin(nil)
    if prompts { header("assistant") }
  }

  private func renderLlama2(_ messages: [Message], _ out: inout SpanBuilder) {
    var system = messages[0].role == .system ? messages[0].content : defaultSystem
    for (index, message) in messages.enumerated() where message.role != .system {
      out.begin(index)
      guard message.role == .user else {
        out.header(" ")
        out.content(message.content.trimmedAsPython)
        out.stop(" ", isControl: false)
        out.stop(stop, isControl: true)
        continue
      }
      out.control(bos)
      out.header("[INST] ")
      if let text = system {
        let end = message.content.trimmedAsPython.isEmpty ? "\n<</SYS>>" : "\n<</SYS>>\n\n"
        out.begin(messages[0].role == .system ? 0 : nil)
        out.header("<<SYS>>\n")
        out.content(text)
        out.separator(end)
        out.begin(index)
        // The template trims system and user text together, so the start stays as it is.
        out.content(message.content.trimmedEndAsPython)
      } else {
        out.content(message.content.trimmedAsPython)
      }
      out.separator(" [/INST]")
      system = nil
    }
  }

  private func renderAlpaca(_ messages: [Message], _ prompts: Bool, _ out: inout SpanBuilder) {
    func preamble(_ text: String, _ index: Int?) {
      out.begin(index)
      out.content(text)
      out.separator("\n\n")
    }
    if let defaultSystem, messages[0].role != .system { preamble(defaultSystem, nil) }
    for (index, message) in messages.enumerated() {
      if message.role == .system {
        preamble(message.content, index)
        continue
      }
      let isUser = message.role == .user
      out.begin(index)
      out.header(isUser ? "### Instruction:\n" : "### Response:\n")
      out.content(message.content)
      if !isUser { out.stop(stop, isControl: true) }
      out.separator("\n\n")
    }
    if prompts {
      out.begin(nil)
      out.header("### Response:\n")
    }
  }
}

/// Collects the spans of a conversation.
private struct SpanBuilder {
  private(set) var spans: [TemplateSpan] = []
  private var messageIndex: Int?

  mutating func begin(_ index: Int?) { messageIndex = index }

  mutating func control(_ text: String) { add(text, .header, isControl: true) }

  mutating func header(_ text: String) { add(text, .header) }

  mutating func content(_ text: String) { add(text, .content) }

  mutating func stop(_ text: String, isControl: Bool) { add(text, .stop, isControl: isControl) }

  mutating func separator(_ text: String) { add(text, .separator) }

  private mutating func add(_ text: String, _ part: TemplateSpan.Part, isControl: Bool = false) {
    spans.append(
      TemplateSpan(text, messageIndex: messageIndex, part: part, isControl: isControl))
  }
}

extension Unicode.Scalar {
  /// What Python's `str.strip` takes away, which jinja's `trim` calls.
  fileprivate var isPythonSpace: Bool { isPatternSpace || (0x1C...0x1F).contains(value) }
}

extension String {
  /// The text without whitespace at both ends.
  var trimmedAsPython: String {
    let end = trimmedEndAsPython
    return String(String.UnicodeScalarView(end.unicodeScalars.drop(while: \.isPythonSpace)))
  }

  /// The text without whitespace at its end.
  var trimmedEndAsPython: String {
    var scalars = unicodeScalars[...]
    while let last = scalars.last, last.isPythonSpace { scalars.removeLast() }
    return String(String.UnicodeScalarView(scalars))
  }
}
