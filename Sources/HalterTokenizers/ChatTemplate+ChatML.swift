extension ChatTemplate {
  /// `<|im_start|>role`, the text, `<|im_end|>`, for each message.
  func renderChatML(_ messages: [Message], _ prompts: Bool, _ out: inout SpanBuilder) {
    if let defaultSystem, messages[0].role != .system {
      turn("system", nil, &out) { $0.content(defaultSystem) }
    }
    for (index, message) in messages.enumerated() {
      turn(message.role.rawValue, index, &out) { $0.content(message.content) }
    }
    if prompts { askChatML(&out) }
  }

  /// ChatML with tools: their descriptions in the system turn, calls between tags behind what the
  /// assistant says, and results that follow each other together in one turn of the user.
  func renderHermes(
    _ messages: [Message], _ tools: [Tool], _ prompts: Bool, _ out: inout SpanBuilder
  ) {
    let system = messages[0].role == .system ? messages[0].content : defaultSystem
    if system != nil || !tools.isEmpty {
      turn("system", messages[0].role == .system ? 0 : nil, &out) {
        if let system { $0.content(system) }
        if !tools.isEmpty { describe(tools, isFirst: system == nil, &$0) }
      }
    }
    for (index, message) in messages.enumerated() where message.role != .system {
      guard message.role == .tool else {
        turn(message.role.rawValue, index, &out) {
          if !message.content.isEmpty || message.toolCalls.isEmpty { $0.content(message.content) }
          for (place, call) in message.toolCalls.enumerated() {
            write(call, isFirst: place == 0 && message.content.isEmpty, &$0)
          }
        }
        continue
      }
      out.begin(index)
      if index == 0 || messages[index - 1].role != .tool {
        out.control("<|im_start|>")
        out.header("user")
      }
      out.header("\n")
      out.control("<tool_response>")
      out.header("\n")
      out.content(message.content)
      out.separator("\n")
      out.tag("</tool_response>", .separator)
      if index == messages.count - 1 || messages[index + 1].role != .tool {
        out.stop("<|im_end|>", isControl: true)
        out.separator("\n")
      }
    }
    if prompts { askChatML(&out) }
  }

  private func turn(
    _ role: String, _ index: Int?, _ out: inout SpanBuilder, _ body: (inout SpanBuilder) -> Void
  ) {
    out.begin(index)
    out.control("<|im_start|>")
    out.header(role + "\n")
    body(&out)
    out.stop("<|im_end|>", isControl: true)
    out.separator("\n")
  }

  private func askChatML(_ out: inout SpanBuilder) {
    out.begin(nil)
    out.control("<|im_start|>")
    out.header("assistant\n")
  }

  /// The words that Qwen and others have learnt to call tools by; every letter counts.
  static let hermesTools =
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are"
    + " provided with function signatures within <tools></tools> XML tags:\n<tools>"

  /// What follows the tools, with the tags that many vocabularies have tokens for.
  static let hermesCalls: [(text: String, isTag: Bool)] = [
    (
      "\n</tools>\n\nFor each function call, return a json object with function name and arguments"
        + " within ", false
    ),
    ("<tool_call>", true), ("</tool_call>", true), (" XML tags:\n", false),
    ("<tool_call>", true),
    ("\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n", false),
    ("</tool_call>", true),
  ]

  private func describe(_ tools: [Tool], isFirst: Bool, _ out: inout SpanBuilder) {
    out.content((isFirst ? "" : "\n\n") + Self.hermesTools)
    for tool in tools { out.content("\n" + tool.line) }
    for (text, isTag) in Self.hermesCalls {
      if isTag { out.tag(text, .content) } else { out.content(text) }
    }
  }

  private func write(_ call: ToolCall, isFirst: Bool, _ out: inout SpanBuilder) {
    if !isFirst { out.content("\n") }
    out.tag("<tool_call>", .content)
    out.content("\n{\"name\": \"\(call.name)\", \"arguments\": \(call.arguments)}\n")
    out.tag("</tool_call>", .content)
  }
}
