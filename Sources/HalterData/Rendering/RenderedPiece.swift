import HalterTokenizers

/// A stretch of a rendered conversation that is encoded in one way and trained in one way.
struct RenderedPiece: Equatable {
  enum Kind: Equatable {
    /// Special tokens, by id.
    case special([Int32])
    /// Ordinary text. What looks like a special token in it is just text.
    case text(String)
  }

  /// What is encoded.
  let kind: Kind
  /// The assistant message whose answer (text and stop token) this belongs to.
  var answer: Int?
  /// Whether this is the stop token of that answer.
  var isStop = false
}

/// Takes the template's control text apart into special tokens and ordinary text.
///
/// Ordinary text next to a message's content must be encoded together with it, as the
/// checkpoint's own pipeline does, while special tokens are only looked for in the template's own
/// text: a user who writes `<|im_end|>` gets those characters, never the token.
struct ControlText {
  let tokenizer: Tokenizer

  /// The longest special token that is looked for, in bytes.
  static let longestToken = 64

  /// Special tokens and ordinary text, in order.
  func split(_ text: String) -> [RenderedPiece.Kind] {
    var kinds: [RenderedPiece.Kind] = []
    var rest = text[...]
    var plain = ""
    while let opening = rest.firstIndex(of: "<") {
      plain += rest[..<opening]
      rest = rest[opening...]
      if let (id, after) = special(at: rest) {
        append(plain, to: &kinds)
        plain = ""
        kinds.append(.special([id]))
        rest = rest[after...]
      } else {
        plain.append(rest.removeFirst())
      }
    }
    append(plain + rest, to: &kinds)
    return kinds
  }

  /// The longest special token that the text starts with, and where it ends.
  private func special(at text: Substring) -> (id: Int32, after: Substring.Index)? {
    var found: (id: Int32, after: Substring.Index)?
    let window = text.prefix(Self.longestToken)
    for index in window.indices where window[index] == ">" {
      let candidate = String(window[...index])
      if let id = tokenizer.id(of: candidate), tokenizer.encode(candidate) == [id] {
        found = (id, window.index(after: index))
      }
    }
    return found
  }

  /// Text that holds special tokens of another shape (`[BOS]`) is encoded on its own.
  private func append(_ text: String, to kinds: inout [RenderedPiece.Kind]) {
    if text.isEmpty { return }
    let parsed = tokenizer.encode(text)
    let isPlain = parsed == tokenizer.encode(text, parseSpecial: false)
    kinds.append(isPlain ? .text(text) : .special(parsed))
  }
}
