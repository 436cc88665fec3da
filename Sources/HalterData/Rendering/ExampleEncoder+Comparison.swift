import HalterTokenizers

extension ExampleEncoder {
  /// The row of answers to one prompt that are compared: the prompt with each of them, one after
  /// the other.
  ///
  /// - Throws: `DataError` naming the row when it compares nothing, when the template cannot render
  ///   it, or when an answer is too long where the policy refuses that.
  func compare(
    _ example: Example, _ renderer: PromptRenderer
  ) throws(DataError) -> EncodedExample {
    switch example {
    case .preference(let pair):
      return try compare(
        pair.prompt, [pair.chosen, pair.rejected], flaw: pair.flaw, at: pair.location, renderer
      ) {
        AnswerComparison(
          lengths: $0, promptLength: $1, prompt: $2, margin: pair.margin.map { Float($0) },
          level: pair.level, isSafe: pair.isSafe)
      }
    case .ranking(let row):
      return try compare(row.prompt, row.answers, flaw: row.flaw, at: row.location, renderer) {
        AnswerComparison(lengths: $0, promptLength: $1, prompt: $2)
      }
    case .conversation, .text, .judged, .prompt:
      throw DataError(
        .misfit, at: example.location,
        "`method: reward` compares answers to one prompt: rows of {\"prompt\": …, \"chosen\": …,"
          + " \"rejected\": …}, or of {\"prompt\": …, \"responses\": [best, …, worst]}")
    }
  }

  private func compare(
    _ prompt: [Message], _ answers: [[Message]], flaw: PreferencePair.Flaw?,
    at location: RowLocation, _ renderer: PromptRenderer,
    _ comparison: (
      _ lengths: [Int32], _ promptLength: Int32, _ prompt: UInt64
    ) -> AnswerComparison
  ) throws(DataError) -> EncodedExample {
    var encoded = EncodedExample(kind: .comparison, location: location)
    switch flaw {
    case .sameAnswers: encoded.drop = .sameAnswers
    case .emptyAnswer: encoded.drop = .emptyAnswer
    case nil: break
    }
    if encoded.drop != nil { return encoded }
    var texts: [TokenizedRow] = []
    for answer in answers {
      texts.append(
        try renderer.row(
          Conversation(
            messages: prompt + answer, firstTrained: prompt.count, location: location)))
    }
    let lengths = texts.map { Int32($0.tokens.count) }
    let longest = Int(lengths.max() ?? 0)
    encoded.length = longest
    // An answer without its end, or half a prompt, would be judged for what it is not.
    if let limit = length.maxLength, longest > limit {
      if length.onOverflow == .error { throw refuse(longest, over: limit, at: location) }
      encoded.drop = .tooLong
      return encoded
    }
    // White space that the template leaves away can make different texts the same.
    for (index, text) in texts.enumerated()
    where texts[..<index].contains(where: {
      $0.tokens == text.tokens
    }) {
      encoded.drop = .sameAnswers
      return encoded
    }
    let shared = try renderer.prompt(for: prompt)
    let promptLength = texts.reduce(shared.count) { count, text in
      min(count, zip(shared, text.tokens).prefix { $0 == $1 }.count)
    }
    var hash = ContentHash()
    for token in shared { hash.add(UInt32(bitPattern: token)) }
    // Only the best answer is one to learn from, where the language model is trained too.
    let weights = texts.enumerated().flatMap { index, text in
      index == 0 ? text.lossWeights : [Float](repeating: 0, count: text.tokens.count)
    }
    encoded.rows = [
      TokenizedRow(
        tokens: texts.flatMap(\.tokens), lossWeights: weights, location: location,
        comparison: comparison(lengths, Int32(promptLength), hash.value))
    ]
    return encoded
  }
}
