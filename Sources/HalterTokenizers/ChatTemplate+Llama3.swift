extension ChatTemplate {
  /// The role between header tokens, the text without white space at its ends, `<|eot_id|>`.
  func renderLlama3(_ messages: [Message], _ prompts: Bool, _ out: inout SpanBuilder) {
    if let defaultSystem, messages[0].role != .system {
      llama3Turn("system", nil, &out) { $0.content(defaultSystem.trimmedAsPython) }
    }
    for (index, message) in messages.enumerated() {
      let role = message.role == .tool ? "ipython" : message.role.rawValue
      llama3Turn(role, index, &out) { $0.content(message.content.trimmedAsPython) }
    }
    if prompts { askLlama3(&out) }
  }

  /// Llama 3 with the dates of the later ones, with descriptions of tools before the first question
  /// and a call as the whole of an answer.
  func renderLlama31(
    _ messages: [Message], _ tools: [Tool], _ prompts: Bool, _ out: inout SpanBuilder
  ) {
    let hasSystem = messages[0].role == .system
    llama3Turn("system", hasSystem ? 0 : nil, &out) {
      if !tools.isEmpty { $0.header("Environment: ipython\n") }
      $0.header(Self.llama31Dates)
      $0.content((hasSystem ? messages[0].content : defaultSystem ?? "").trimmedAsPython)
    }
    let first = hasSystem ? 1 : 0
    for (index, message) in messages.enumerated() where message.role != .system {
      let role = message.role == .tool ? "ipython" : message.role.rawValue
      llama3Turn(role, index, &out) {
        if index == first, !tools.isEmpty { describeLlama31(tools, &$0) }
        if let call = message.toolCalls.first {
          $0.content("{\"name\": \"\(call.name)\", \"parameters\": \(call.arguments)}")
        } else if message.role == .tool {
          // The reference gives every result through its JSON filter, texts too.
          $0.content(JSONSpelling.string(message.content))
        } else {
          $0.content(message.content.trimmedAsPython)
        }
      }
    }
    if prompts { askLlama3(&out) }
  }

  static let llama31Dates =
    "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"

  /// The words that the model has learnt to call tools by; every letter counts.
  static let llama31Tools =
    "Given the following functions, please respond with a JSON for a function call with its"
    + " proper arguments that best answers the given prompt.\n\nRespond in the format {\"name\":"
    + " function name, \"parameters\": dictionary of argument name and its value}."
    + "Do not use variables.\n\n"

  private func describeLlama31(_ tools: [Tool], _ out: inout SpanBuilder) {
    out.content(Self.llama31Tools + tools.map { $0.indented + "\n\n" }.joined())
  }

  private func llama3Turn(
    _ role: String, _ index: Int?, _ out: inout SpanBuilder, _ body: (inout SpanBuilder) -> Void
  ) {
    out.begin(index)
    llama3Header(role, &out)
    body(&out)
    out.stop("<|eot_id|>", isControl: true)
  }

  private func askLlama3(_ out: inout SpanBuilder) {
    out.begin(nil)
    llama3Header("assistant", &out)
  }

  private func llama3Header(_ role: String, _ out: inout SpanBuilder) {
    out.control("<|start_header_id|>")
    out.header(role)
    out.control("<|end_header_id|>")
    out.header("\n\n")
  }
}
