import HalterRandom
import HalterTokenizers

/// Rewrites texts so that a model learns to fill in a missing middle: Bavarian et al. 2022,
/// "Efficient Training of Language Models to Fill in the Middle", as Code Llama does it (Roziere et
/// al. 2023, section 2.3).
///
/// A text is cut at two places, each uniform over all places between its characters (Unicode
/// scalars), and written as PRE prefix SUF suffix MID middle END (PSM), or as
/// PRE SUF suffix MID prefix middle END (SPM), where prefix and middle are encoded in one piece.
/// Which texts, where and in which order follows from the seed and the text alone.
public struct FillInTheMiddle: Sendable {
  /// The control tokens of one family of models.
  private struct Family {
    let prefix: String
    let suffix: String
    let middle: String
    /// What ends the middle; nil for the token that ends every text.
    let end: String?
  }

  private static let families = [
    Family(prefix: "▁<PRE>", suffix: "▁<SUF>", middle: "▁<MID>", end: "▁<EOT>"),
    Family(prefix: "<fim_prefix>", suffix: "<fim_suffix>", middle: "<fim_middle>", end: nil),
    Family(
      prefix: "<|fim_prefix|>", suffix: "<|fim_suffix|>", middle: "<|fim_middle|>", end: nil),
  ]

  /// What decides about each text.
  struct Settings: Sendable, Encodable {
    let rate: Double
    let spm: Double
    let seed: UInt64
  }

  let settings: Settings
  private let tokenizer: Tokenizer
  private let prefix: Int32
  private let suffix: Int32
  private let middle: Int32
  private let end: Int32

  /// The transform for a tokenizer.
  ///
  /// - Parameters:
  ///   - name: how messages call the tokenizer.
  ///   - rate: the share of texts that are rewritten, 0 to 1.
  ///   - spm: the share of those in which the suffix comes first, 0 to 1.
  ///   - seed: what everything random follows from.
  /// - Throws: `DataError` where the vocabulary has no tokens for it.
  public init(
    _ tokenizer: Tokenizer, name: String, rate: Double, spm: Double, seed: UInt64
  ) throws(DataError) {
    for family in Self.families {
      guard let prefix = tokenizer.id(of: family.prefix),
        let suffix = tokenizer.id(of: family.suffix),
        let middle = tokenizer.id(of: family.middle),
        let end = family.end.map(tokenizer.id(of:)) ?? tokenizer.special.eos
      else { continue }
      self.tokenizer = tokenizer
      settings = Settings(rate: rate, spm: spm, seed: seed)
      (self.prefix, self.suffix, self.middle, self.end) = (prefix, suffix, middle, end)
      return
    }
    let known = Self.families.map { "\($0.prefix) \($0.suffix) \($0.middle)" }
    throw DataError(
      .misfit,
      "the tokenizer of \(name) has no tokens for filling in the middle, looked for "
        + known.joined(separator: ", ") + "; take `fim` out of the recipe, or choose a code model")
  }

  /// The rewritten text behind what begins every text; nil where the text stays as it is.
  func tokens(of text: String, behind opening: [Int32]) -> [Int32]? {
    var random = RandomStream(seed: settings.seed, name: text)
    let isChosen = Double(random.uniform()) < settings.rate
    let suffixFirst = Double(random.uniform()) < settings.spm
    guard isChosen, !text.isEmpty else { return nil }
    let scalars = Array(text.unicodeScalars)
    let cuts = [random.next(below: scalars.count + 1), random.next(below: scalars.count + 1)]
      .sorted()
    func part(_ range: Range<Int>) -> String {
      String(String.UnicodeScalarView(scalars[range]))
    }
    let last = tokenizer.encode(continuing: part(cuts[1]..<scalars.count))
    if suffixFirst {
      let rest = tokenizer.encode(part(0..<cuts[1]), parseSpecial: false)
      return opening + [prefix, suffix] + last + [middle] + rest + [end]
    }
    let first = tokenizer.encode(part(0..<cuts[0]), parseSpecial: false)
    let missing = tokenizer.encode(continuing: part(cuts[0]..<cuts[1]))
    return opening + [prefix] + first + [suffix] + last + [middle] + missing + [end]
  }
}
