import HalterTokenizers

extension PromptRenderer {
  /// The rendered conversation, cut where the way of encoding or of training changes.
  ///
  /// An answer is cut off its prompt even when it is context, so that the same messages give the
  /// same tokens wherever they stand.
  func pieces(
    _ messages: [Message], addGenerationPrompt: Bool, at location: RowLocation
  ) throws(DataError) -> [RenderedPiece] {
    let spans = try spans(messages, addGenerationPrompt: addGenerationPrompt, at: location)
    let answers = try answerOfSpan(spans, in: messages, at: location)
    let control = ControlText(tokenizer: tokenizer)
    var pieces: [RenderedPiece] = []
    for (span, answer) in zip(spans, answers) where !span.text.isEmpty {
      guard span.isControl else {
        pieces.append(RenderedPiece(kind: .text(span.text), answer: answer))
        continue
      }
      var answer = answer
      for kind in control.split(span.text) {
        var isStop = false
        if case .special = kind { isStop = span.part == .stop && answer != nil }
        pieces.append(RenderedPiece(kind: kind, answer: answer, isStop: isStop))
        // What the template puts behind a stop token (a line break) is no part of the answer.
        if isStop { answer = nil }
      }
    }
    if opensWithBOS, let bos = tokenizer.special.bos {
      pieces.insert(RenderedPiece(kind: .special([bos])), at: 0)
    }
    return pieces
  }

  /// Whether BOS has to be put before the template's text.
  ///
  /// A chat template writes its BOS itself. Alpaca's is plain text, so that there the tokenizer
  /// decides, as for any plain text.
  private var opensWithBOS: Bool {
    guard template.kind == .alpaca, let bos = tokenizer.special.bos else { return false }
    return tokenizer.encode("a", addSpecial: true).first == bos
  }

  /// For each span the assistant message whose answer it belongs to: all that stands after the
  /// prompt which `prompt(for:)` gives for the messages before, up to the stop token.
  private func answerOfSpan(
    _ spans: [TemplateSpan], in messages: [Message], at location: RowLocation
  ) throws(DataError) -> [Int?] {
    var answers: [Int?] = Array(repeating: nil, count: spans.count)
    let text = spans.map(\.text).joined()
    for (index, message) in messages.enumerated() where message.role == .assistant {
      let before = try self.spans(
        Array(messages[..<index]), addGenerationPrompt: true, at: location)
      let prompt = before.map(\.text).joined()
      guard text.utf8.starts(with: prompt.utf8),
        let first = Self.span(in: spans, startingAt: prompt.utf8.count)
      else {
        throw DataError(
          .misfit, at: location, path: "messages[\(index)]",
          "the template \(template.kind) writes this answer after another text than the one it"
            + " asks for an answer with; it cannot be trained on")
      }
      let own = spans.indices.filter { spans[$0].messageIndex == index }
      guard let last = own.first(where: { spans[$0].part == .stop }) ?? own.last, last >= first
      else { continue }
      for position in first...last { answers[position] = index }
    }
    return answers
  }

  /// The span that starts at a byte offset of the whole text.
  private static func span(in spans: [TemplateSpan], startingAt offset: Int) -> Int? {
    var start = 0
    for (index, span) in spans.enumerated() {
      // Empty spans start where the next does: take the first.
      if start == offset { return index }
      start += span.text.utf8.count
    }
    return nil
  }

  private func spans(
    _ messages: [Message], addGenerationPrompt: Bool, at location: RowLocation
  ) throws(DataError) -> [TemplateSpan] {
    do {
      return try template.render(messages, addGenerationPrompt: addGenerationPrompt)
    } catch {
      throw DataError(
        .misfit, at: location, path: "messages",
        "the template \(template.kind) cannot render them: \(error)")
    }
  }
}
