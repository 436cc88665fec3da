import HalterTokenizers

extension RenderedRow {
  /// Leaves out the oldest tokens, as few as make the rest fit, but no part of a header.
  ///
  /// What is kept begins at the start of a turn, or inside of what a turn says; then the turn's
  /// header is kept before it, whole: the header directly before the text, and whatever other
  /// header the template wrote for the same message. A row that began with the token `bos` still
  /// does. The first token behind a gap carries no loss.
  ///
  /// - Returns: False, and nothing is changed, where nothing can be kept so.
  mutating func cutLeft(to limit: Int, bos: Int32?) -> Bool {
    for start in max(0, tokens.count - limit)..<tokens.count {
      guard let header = header(before: start) else { continue }
      var kept = header + Array(start..<tokens.count)
      // Where every turn begins so (Llama 2), its header has the token already.
      if let bos, tokens[0].id == bos, tokens[kept[0]].id != bos { kept.insert(0, at: 0) }
      if kept.count > limit { continue }
      keep(kept)
      return true
    }
    return false
  }

  /// The tokens of the header that must stay where the kept part begins at a token: none at the
  /// start of a turn; nil where it cannot begin there.
  private func header(before start: Int) -> [Int]? {
    let span = span(start)
    if span.part == .header {
      return start == 0 || self.span(start - 1).part != .header ? [] : nil
    }
    guard span.part == .content else { return nil }
    var first = start
    while first > 0, isSame(self.span(first - 1), span) { first -= 1 }
    var run = first
    while run > 0, self.span(run - 1).part == .header { run -= 1 }
    let elsewhere = (0..<run).filter { index in
      let other = self.span(index)
      return other.part == .header && other.messageIndex == span.messageIndex
        && other.messageIndex != nil
    }
    return elsewhere + Array(run..<first)
  }

  private func span(_ token: Int) -> TemplateSpan { rendered.spans[tokens[token].span] }

  private func isSame(_ one: TemplateSpan, _ other: TemplateSpan) -> Bool {
    one.part == other.part && one.messageIndex == other.messageIndex
  }
}
