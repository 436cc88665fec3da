import HalterTokenizers

extension PromptRenderer {
  /// The conversation without its oldest turns, as few of them as make the rest fit; nil where even
  /// the last turn alone is too long.
  ///
  /// A turn is a user's message and all that follows up to the next one. A system message at the
  /// start stays, and so does the last turn.
  func cuttingTurns(
    of conversation: Conversation, to limit: Int
  ) throws(DataError) -> RenderedRow? {
    let starts = conversation.turnStarts
    // The more turns are left out the shorter the row, so halving finds the least that fits.
    var (low, high) = (1, starts.count)
    var best: RenderedRow?
    while low < high {
      let middle = (low + high) / 2
      let row = try render(conversation.dropping(turnsBefore: starts[middle]))
      if row.tokens.count <= limit {
        best = row
        high = middle
      } else {
        low = middle + 1
      }
    }
    return best
  }
}

extension Conversation {
  /// Where turns start: at each user's message, and at the first message that is not the system's.
  fileprivate var turnStarts: [Int] {
    let body = messages.first?.role == .system ? 1 : 0
    return messages.indices.filter {
      $0 >= body && ($0 == body || messages[$0].role == .user)
    }
  }

  /// The conversation without the messages before an index, except for a system message.
  fileprivate func dropping(turnsBefore start: Int) -> Conversation {
    let body = messages.first?.role == .system ? 1 : 0
    let kept = Array(0..<body) + Array(start..<messages.count)
    return Conversation(
      messages: kept.map { messages[$0] }, tools: tools,
      firstTrained: firstTrained <= body
        ? firstTrained : max(body, firstTrained - (start - body)),
      weights: kept.map { weights[$0] }, location: location)
  }
}
