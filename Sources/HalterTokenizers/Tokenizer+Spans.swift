/// A token of a rendered conversation, and where it came from.
public struct TemplateToken: Sendable, Equatable {
  /// The token's id.
  public var id: Int32
  /// Index of the span that holds the token's last byte.
  public var span: Int
  /// The token's bytes in the concatenation of all spans, as UTF-8.
  public var bytes: Range<Int>
}

extension Tokenizer {
  /// The tokens of a rendered conversation.
  ///
  /// Control tokens are looked for in control spans only. What lies between two of them is one
  /// text, whatever spans it is made of, so the ids are those of the whole conversation encoded as
  /// one string, unless a message spells a control token. A token that reaches over the border of
  /// two spans belongs to the one that holds its last byte: ` Hello` after a header that ends
  /// in a space is content.
  ///
  /// - Parameters:
  ///   - spans: The conversation, as `ChatTemplate.render` gives it.
  ///   - cuts: Spans, by ascending index, before which all tokens must be those that the spans
  ///     before have on their own, as a prompt has. Where they would not be, the text is cut in
  ///     two; but never where the tokenizer would mark the second part as the start of a text.
  /// - Returns: Every token with its span, in order. Nothing is put around them.
  public func encode(spans: [TemplateSpan], cuts: [Int] = []) -> [TemplateToken] {
    var bytes: [UInt8] = []
    var starts: [Int] = []
    var controls: [AddedTokenFinder.Match] = []
    bytes.reserveCapacity(spans.reduce(0) { $0 + $1.text.utf8.count })
    starts.reserveCapacity(spans.count + 1)
    for span in spans {
      let start = bytes.count
      starts.append(start)
      bytes.append(contentsOf: span.text.utf8)
      if span.isControl {
        controls += controlFinder.matches(bytes, start..<bytes.count) { _ in false }
      }
    }
    starts.append(bytes.count)
    var tokens: [PlacedToken] = []
    tokens.reserveCapacity(bytes.count / 3 + 8)
    withScratch { scratch in
      let text = SpannedText(
        bytes: bytes, cuts: cuts.map { starts[$0] }, used: Set(controls.map(\.token.id)))
      var start = 0
      for (index, match) in controls.enumerated() {
        let limit =
          index + 1 < controls.count ? controls[index + 1].range.lowerBound : bytes.count
        let range = Self.grown(match, bytes, from: start, to: limit)
        encode(text, start..<range.lowerBound, &scratch, into: &tokens)
        tokens.append(
          PlacedToken(
            id: match.token.id, start: Int32(truncatingIfNeeded: range.lowerBound),
            end: Int32(truncatingIfNeeded: range.upperBound)))
        start = max(range.upperBound, start)
      }
      encode(text, start..<bytes.count, &scratch, into: &tokens)
    }
    return Self.assign(tokens, to: starts.dropFirst())
  }

  /// A conversation as one text.
  private struct SpannedText {
    var bytes: [UInt8]
    /// Where it may have to be cut.
    var cuts: [Int]
    /// The control tokens in it, which nothing that is said may spell.
    var used: Set<Int32>
  }

  /// A control token with the whitespace that it swallows: the finder saw one span only.
  private static func grown(
    _ match: AddedTokenFinder.Match, _ bytes: [UInt8], from start: Int, to limit: Int
  ) -> Range<Int> {
    var from = match.range.lowerBound
    var to = match.range.upperBound
    if match.token.stripsLeft {
      while from > start {
        let before = UTF8Text.start(endingAt: from, bytes)
        guard UTF8Text.scalar(at: before, bytes).0.isPatternSpace else { break }
        from = before
      }
    }
    if match.token.stripsRight {
      while to < limit, UTF8Text.scalar(at: to, bytes).0.isPatternSpace {
        to += UTF8Text.scalar(at: to, bytes).1
      }
    }
    from = max(from, start)
    return from..<max(to, from)
  }

  /// Appends the tokens of what lies between two control tokens.
  private func encode(
    _ text: SpannedText, _ range: Range<Int>, _ scratch: inout EncodingScratch,
    into out: inout [PlacedToken]
  ) {
    guard !range.isEmpty else { return }
    func tokens(_ part: Range<Int>, _ out: inout [PlacedToken]) {
      encode(text.bytes, part, &scratch, into: &out) {
        $0.isSpecial || text.used.contains($0.id)
      }
    }
    var first = out.count
    tokens(range, &out)
    var start = range.lowerBound
    for cut in text.cuts where cut > start && cut < range.upperBound {
      var before: [PlacedToken] = []
      tokens(start..<cut, &before)
      let next = first + before.count
      let agrees =
        next <= out.count && (next == out.count || out[next].start >= cut)
        && before.indices.allSatisfy { out[first + $0].id == before[$0].id }
      // A mark at the start of the second part would stand in the middle of the whole.
      if agrees || pipeline.marksStart(ofTextWith: text.bytes[cut]) { continue }
      out.removeSubrange(first...)
      out += before
      first = out.count
      start = cut
      tokens(start..<range.upperBound, &out)
    }
  }

  /// Gives every token the span that holds its last byte.
  private static func assign(
    _ tokens: [PlacedToken], to ends: ArraySlice<Int>
  ) -> [TemplateToken] {
    var out: [TemplateToken] = []
    out.reserveCapacity(tokens.count)
    var span = ends.startIndex
    for token in tokens {
      let end = Int(token.end)
      while span < ends.endIndex - 1, ends[span] < end { span += 1 }
      out.append(
        TemplateToken(
          id: token.id, span: span - ends.startIndex, bytes: min(Int(token.start), end)..<end))
    }
    return out
  }
}
