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
  /// An answer is everything after the prompt that is given to generate it.
  ///
  /// - Throws: `DataError` naming the row when the template cannot write the messages down.
  init(
    _ messages: [Message], tools: [Tool], template: ChatTemplate, addGenerationPrompt: Bool,
    at location: RowLocation
  ) throws(DataError) {
    do {
      spans = try template.render(
        messages, tools: tools, addGenerationPrompt: addGenerationPrompt)
    } catch {
      throw DataError(
        .misfit, at: location, path: "messages",
        "the template \(template.kind.rawValue) cannot write them down: \(error)")
    }
    var offsets = [0]
    offsets.reserveCapacity(spans.count + 1)
    for span in spans { offsets.append(offsets[offsets.count - 1] + span.text.utf8.count) }
    self.offsets = offsets
    answers = Self.answers(messages, spans, offsets, beginWithHeader: !template.asksWithHeader)
  }

  private static func answers(
    _ messages: [Message], _ spans: [TemplateSpan], _ offsets: [Int], beginWithHeader: Bool
  ) -> [Answer] {
    var answers: [Answer] = []
    var place = 0
    while place < spans.count {
      guard let message = spans[place].messageIndex, messages[message].role == .assistant else {
        place += 1
        continue
      }
      let turn = place..<(spans[place...].firstIndex { $0.messageIndex != message } ?? spans.count)
      let first =
        beginWithHeader
        ? turn.lowerBound : spans[turn].firstIndex { $0.part != .header } ?? turn.upperBound
      let last = spans[turn].lastIndex { $0.part == .stop } ?? turn.upperBound - 1
      if first <= last {
        answers.append(
          Answer(message: message, firstSpan: first, bytes: offsets[first]..<offsets[last + 1]))
      }
      place = turn.upperBound
    }
    return answers
  }

  /// The tokens of the whole text, with their bytes in it.
  ///
  /// Text between two control tokens is encoded in one piece, as the checkpoint's own pipeline does
  /// it, unless the prompt of an answer would then have other tokens than it has on its own: there
  /// the text is cut.
  func encode(with tokenizer: Tokenizer) -> [TemplateToken] {
    tokenizer.encode(spans: spans, cuts: answers.map(\.firstSpan))
  }
}
