extension ChatTemplate {
  func renderAlpaca(_ messages: [Message], _ prompts: Bool, _ out: inout SpanBuilder) {
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
