import HalterTokenizers

extension RenderedConversation {
  /// The tokens of the whole text, with their bytes in it.
  ///
  /// Text between two control tokens is encoded in one piece, as the checkpoint's own pipeline does
  /// it, unless the prompt of an answer would then have other tokens than it has on its own: there
  /// the text is cut.
  func encode(with tokenizer: Tokenizer) -> [TemplateToken] {
    var done: [TemplateToken] = []
    var start = 0
    var tokens = encode(from: start, to: spans.count, with: tokenizer)
    for answer in answers {
      let cut = answer.firstSpan
      // Nothing before the last control token of the prompt can be affected.
      let tail = spans[start..<cut].lastIndex(where: \.isControl) ?? start
      let alone = encode(from: tail, to: cut, with: tokenizer)
      let before = tokens.prefix { $0.bytes.lowerBound < offsets[tail] }
      let after = tokens.dropFirst(before.count)
      let isPrefix = after.prefix(alone.count).map(\.id) == alone.map(\.id)
      let next = after.dropFirst(alone.count).first
      if isPrefix, next.map({ $0.bytes.lowerBound >= offsets[cut] }) ?? true { continue }
      guard isConcatenable(from: cut, with: tokenizer) else { continue }
      done += before + alone
      start = cut
      tokens = encode(from: start, to: spans.count, with: tokenizer)
    }
    return done + tokens
  }

  private func encode(
    from first: Int, to end: Int, with tokenizer: Tokenizer
  ) -> [TemplateToken] {
    tokenizer.encode(spans: Array(spans[first..<end])).map { token in
      var token = token
      token.span += first
      token.bytes =
        token.bytes.lowerBound + offsets[first]..<token.bytes.upperBound + offsets[first]
      return token
    }
  }

  /// Whether the text from a span to the next control token can be encoded on its own: a tokenizer
  /// that marks the start of a text would put its mark into the middle of this one.
  private func isConcatenable(from first: Int, with tokenizer: Tokenizer) -> Bool {
    let end = spans[first...].firstIndex(where: \.isControl) ?? spans.count
    let text = spans[first..<end].map(\.text).joined()
    return tokenizer.encode(spans: Array(spans[first..<end]))
      .flatMap { tokenizer.bytes(of: $0.id) }.elementsEqual(text.utf8)
  }
}
