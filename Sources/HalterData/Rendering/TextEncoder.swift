import HalterTokenizers

/// The way from plain texts to tokens: BOS where the checkpoint puts one before every text, the
/// text, in which no control token is looked for, and EOS. Every token is learnt.
struct TextEncoder: Sendable {
  let tokenizer: Tokenizer
  let fillInTheMiddle: FillInTheMiddle?

  /// The token that begins every text, where the checkpoint puts one there.
  private let opening: [Int32]

  init(tokenizer: Tokenizer, fillInTheMiddle: FillInTheMiddle?) {
    self.tokenizer = tokenizer
    self.fillInTheMiddle = fillInTheMiddle
    opening = tokenizer.addsBOS ? [tokenizer.special.bos].compactMap { $0 } : []
  }

  /// The tokens of a text, whole.
  ///
  /// - Throws: `DataError` where the tokenizer knows no token that ends a text.
  func tokens(of text: String, at location: RowLocation) throws(DataError) -> [Int32] {
    guard let end = tokenizer.special.eos else {
      throw DataError(
        .misfit, at: location,
        "the tokenizer names no token that ends a text, so that none could be learnt from; give"
          + " the checkpoint an `eos_token`")
    }
    return beginning(text) + [end]
  }

  /// The tokens of a text that may go on.
  func beginning(_ text: String) -> [Int32] {
    opening + tokenizer.encode(text, parseSpecial: false)
  }

  /// The tokens of a text rewritten for filling in the middle, where it is.
  func filledIn(_ text: String) -> [Int32]? {
    fillInTheMiddle?.tokens(of: text, behind: opening)
  }

  /// The tokens of a text that is too long, without the oldest.
  func cutLeft(_ tokens: [Int32], to limit: Int) -> [Int32] {
    let kept = tokens.starts(with: opening) ? opening.prefix(limit - 1) : []
    return kept + tokens.suffix(limit - kept.count)
  }
}
