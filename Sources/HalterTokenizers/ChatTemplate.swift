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
    /// ChatML with tools, which the assistant calls between `<tool_call>` tags: Qwen 2.5 and later,
    /// Hermes.
    case hermes
    /// `<|start_header_id|>role<|end_header_id|>`: Llama 3 instruct.
    case llama3
    /// Llama 3.1 and later: a system turn with two dates, the same ones always, and tools, which the
    /// assistant calls with a JSON object.
    case llama31 = "llama3.1"
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
    case .chatml, .hermes: (bos, stop) = ("", "<|im_end|>")
    case .llama3, .llama31: (bos, stop) = (ownBOS ?? "<|begin_of_text|>", "<|eot_id|>")
    case .llama2: (bos, stop) = (ownBOS ?? "<s>", ownEOS ?? "</s>")
    case .alpaca:
      (bos, stop) = (tokenizer?.addsBOS == true ? ownBOS ?? "" : "", ownEOS ?? "</s>")
      self.defaultSystem = defaultSystem ?? Self.alpacaPreamble
    }
  }

  /// Whether the text that asks for an answer ends with the header of the answer's message; else it
  /// ends before it, and the header is part of the answer.
  public var asksWithHeader: Bool { kind != .llama2 }

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
    try check(tools, messages)
    try check(messages)
    var out = SpanBuilder()
    if !bos.isEmpty, kind != .llama2 { out.control(bos) }
    switch kind {
    case .chatml: renderChatML(messages, addGenerationPrompt, &out)
    case .hermes: renderHermes(messages, tools, addGenerationPrompt, &out)
    case .llama3: renderLlama3(messages, addGenerationPrompt, &out)
    case .llama31: renderLlama31(messages, tools, addGenerationPrompt, &out)
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

  /// Refuses what the template would leave away without a word.
  private func check(_ tools: [Tool], _ messages: [Message]) throws(TokenizerError) {
    let caller = messages.firstIndex { !$0.toolCalls.isEmpty }
    switch kind {
    case .hermes: return
    case .llama31:
      if !tools.isEmpty, messages.first(where: { $0.role != .system })?.role != .user {
        throw TokenizerError(
          .template,
          "tools are described in the first user message, and there is none before"
            + " the first answer", mend: "begin with a user message")
      }
      for (index, message) in messages.enumerated() where !message.toolCalls.isEmpty {
        guard message.toolCalls.count > 1 || !message.content.trimmedAsPython.isEmpty else {
          continue
        }
        throw TokenizerError(
          .template,
          "found \(message.toolCalls.count) tool calls beside a text of"
            + " \(message.content.count) characters, expected one call and no text",
          at: "message \(index + 1)",
          mend: "the template llama3.1 has no room for more; take the row out")
      }
    case .chatml, .llama2, .llama3, .alpaca:
      guard caller != nil || !tools.isEmpty else { return }
      throw TokenizerError(
        .template,
        "the template \(kind.rawValue) has no way to write \(caller == nil ? "tools" : "tool calls")",
        at: caller.map { "message \($0 + 1)" } ?? "",
        mend:
          "take such rows out, or choose `template: hermes` or `template: llama3.1` if the model"
          + " knows how to call tools so")
    }
  }
}
