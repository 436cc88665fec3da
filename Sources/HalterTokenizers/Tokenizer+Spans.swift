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
  /// - Parameter spans: The conversation, as `ChatTemplate.render` gives it.
  /// - Returns: Every token with its span, in order. Nothing is put around them.
  public func encode(spans: [TemplateSpan]) -> [TemplateToken] {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    var controls: [AddedTokenFinder.Match] = []
    for span in spans {
      let start = bytes.count
      bytes.append(contentsOf: span.text.utf8)
      ends.append(bytes.count)
      if span.isControl { controls += controlMatches(bytes, start..<bytes.count) }
    }
    let used = Set(controls.map(\.token.id))
    var run = TokenRun()
    var start = 0
    for (index, match) in controls.enumerated() {
      let token = match.token
      var from = match.range.lowerBound
      var to = match.range.upperBound
      // The finder saw one span only; the whitespace a token swallows may lie beyond it.
      if token.stripsLeft {
        while from > start {
          let before = UTF8Text.start(endingAt: from, bytes)
          guard UTF8Text.scalar(at: before, bytes).0.isPatternSpace else { break }
          from = before
        }
      }
      let limit =
        index + 1 < controls.count ? controls[index + 1].range.lowerBound : bytes.count
      if token.stripsRight {
        while to < limit, UTF8Text.scalar(at: to, bytes).0.isPatternSpace {
          to += UTF8Text.scalar(at: to, bytes).1
        }
      }
      from = max(from, start)
      encodeBetween(bytes, start..<from, used, &run)
      run.append(token.id, Int32(truncatingIfNeeded: from), Int32(truncatingIfNeeded: to))
      start = max(to, start)
    }
    encodeBetween(bytes, start..<bytes.count, used, &run)
    return Self.assign(run, to: ends)
  }

  private func encodeBetween(
    _ bytes: [UInt8], _ range: Range<Int>, _ used: Set<Int32>, _ run: inout TokenRun
  ) {
    guard !range.isEmpty else { return }
    encode(bytes, range, into: &run) { $0.isSpecial || used.contains($0.id) }
  }

  private static func assign(_ run: TokenRun, to ends: [Int]) -> [TemplateToken] {
    var out: [TemplateToken] = []
    out.reserveCapacity(run.ids.count)
    var span = 0
    for index in run.ids.indices {
      let end = Int(run.ends[index])
      while span < ends.count - 1, ends[span] < end { span += 1 }
      let start = min(Int(run.starts[index]), end)
      out.append(TemplateToken(id: run.ids[index], span: span, bytes: start..<end))
    }
    return out
  }
}
