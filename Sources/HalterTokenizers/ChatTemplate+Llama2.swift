extension ChatTemplate {
  func renderLlama2(_ messages: [Message], _ out: inout SpanBuilder) {
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
}
