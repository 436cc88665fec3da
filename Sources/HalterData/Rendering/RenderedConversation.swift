import HalterTokenizers

/// A conversation as the template writes it, and where each answer stands in it.
struct RenderedConversation {
  /// What the model is to write for one assistant message.
  struct Answer: Equatable {
    /// The index of the assistant message.
    let message: Int
    /// The first of its spans.
    let firstSpan: Int
    /// Its bytes in the whole text, from the end of the prompt to the end of the stop token.
    let bytes: Range<Int>
  }

  /// The template's spans.
  let spans: [TemplateSpan]
  /// Where each span starts in the whole text, in bytes, and where the last ends.
  let offsets: [Int]
  /// The answers in order.
  let answers: [Answer]

  /// Renders messages and finds the answers.
  ///
  /// An answer is everything after the prompt that is given to generate it. It is found by
  /// rendering that prompt, so that mask and prompt cannot drift apart.
  init(
    _ messages: [Message], tools: [Tool], template: ChatTemplate, addGenerationPrompt: Bool,
    at location: RowLocation
  ) throws(DataError) {
    let spans = try Self.spans(messages, tools, template, addGenerationPrompt, location)
    var offsets = [0]
    for span in spans { offsets.append(offsets[offsets.count - 1] + span.text.utf8.count) }
    var answers: [Answer] = []
    let text = spans.map(\.text).joined()
    for (index, message) in messages.enumerated() where message.role == .assistant {
      let before = Array(messages[..<index])
      // An assistant message that opens the conversation answers to nothing but its own header.
      let prompt =
        before.isEmpty
        ? Self.openingHeader(of: index, in: spans)
        : try Self.spans(before, tools, template, true, location).map(\.text).joined()
      guard text.utf8.starts(with: prompt.utf8),
        let first = offsets.firstIndex(of: prompt.utf8.count),
        let last = spans.lastIndex(where: { $0.messageIndex == index && $0.part == .stop })
          ?? spans.lastIndex(where: { $0.messageIndex == index }),
        last >= first
      else {
        throw DataError(
          .misfit, at: location, path: "messages[\(index)]",
          "the template \(template.kind.rawValue) writes this answer after another text than the"
            + " one it asks for an answer with; it cannot be trained on")
      }
      answers.append(
        Answer(message: index, firstSpan: first, bytes: prompt.utf8.count..<offsets[last + 1]))
    }
    self.spans = spans
    self.offsets = offsets
    self.answers = answers
  }

  /// What stands before the content of a message.
  private static func openingHeader(of message: Int, in spans: [TemplateSpan]) -> String {
    spans.prefix { $0.messageIndex != message || $0.part != .content }.map(\.text).joined()
  }

  private static func spans(
    _ messages: [Message], _ tools: [Tool], _ template: ChatTemplate,
    _ addGenerationPrompt: Bool, _ location: RowLocation
  ) throws(DataError) -> [TemplateSpan] {
    do {
      return try template.render(
        messages, tools: tools, addGenerationPrompt: addGenerationPrompt)
    } catch {
      throw DataError(
        .misfit, at: location, path: "messages",
        "the template \(template.kind.rawValue) cannot write them down: \(error)")
    }
  }
}
