extension Tokenizer {
  /// Whether the vocabulary marks where a text starts: SentencePiece puts a space there, which
  /// must not come into the middle of a text.
  public var marksTextStart: Bool { pipeline.marksStart(ofTextWith: UInt8(ascii: "x")) }

  /// The ids of a text as it stands behind another: without the mark of a start.
  ///
  /// As Code Llama does it (Roziere et al. 2023, section 2.3): a character that merges with no
  /// other is put in front, and its tokens are taken away again.
  public func encode(continuing text: String) -> [Int32] {
    if text.isEmpty { return [] }
    guard marksTextStart else { return encode(text, parseSpecial: false) }
    let guarded = encode("\u{263A}" + text, parseSpecial: false)
    let mark = encode("\u{263A}", parseSpecial: false)
    return guarded.starts(with: mark)
      ? Array(guarded.dropFirst(mark.count)) : encode(text, parseSpecial: false)
  }
}
