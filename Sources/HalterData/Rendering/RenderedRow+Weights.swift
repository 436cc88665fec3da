import HalterTokenizers

extension RenderedRow {
  /// Gives the tokens their weights: by the policy, then by what the row says of its messages.
  ///
  /// An answer is everything behind the prompt that asks for it, up to and including its stop
  /// token. What another message says is its content and its stop token.
  mutating func weigh(by policy: TrainOn, _ conversation: Conversation) {
    let answers = rendered.answers.filter { $0.message >= conversation.firstTrained }
    if let first = answers.first, let last = answers.last {
      switch policy {
      case .assistant: for answer in answers { weigh(answer.bytes, 1) }
      case .last: weigh(last.bytes, 1)
      case .completion: weigh(first.bytes.lowerBound..<last.bytes.upperBound, 1)
      case .all: break
      }
    }
    if policy == .all { weighAll(1) }
    for (message, weight) in conversation.weights.enumerated() {
      guard let weight else { continue }
      for bytes in said(in: message) { weigh(bytes, Float(weight)) }
    }
  }

  /// The bytes of what a message says.
  private func said(in message: Int) -> [Range<Int>] {
    if let answer = rendered.answers.first(where: { $0.message == message }) {
      return [answer.bytes]
    }
    return rendered.spans.indices.filter { index in
      let span = rendered.spans[index]
      return span.messageIndex == message && (span.part == .content || span.part == .stop)
    }.map { rendered.offsets[$0]..<rendered.offsets[$0 + 1] }
  }
}
