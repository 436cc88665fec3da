import HalterTokenizers

/// A vocabulary that nobody trained, for models of random weights: SentencePiece with a token for
/// every byte, so that it spells any text, filled up with runs of letters.
enum MadeUpVocabulary {
  /// The control tokens and the bytes: no vocabulary is smaller.
  static let leastSize = 3 + 256
  private static let letters = (UInt8(ascii: "a")...UInt8(ascii: "z")).map {
    String(UnicodeScalar($0))
  }

  /// A vocabulary of `size` tokens, or fewer where that many runs of four letters do not exist.
  /// - Throws: `ModelError` if `size` has no room for the bytes.
  static func make(size: Int, context: Int, path: String) throws(ModelError) -> GGUFVocabulary {
    guard size >= leastSize else {
      throw ModelError(
        path: path, "vocab_size is \(size), a made-up vocabulary has \(leastSize) tokens at least",
        mend: "Raise vocab_size")
    }
    var tokens = ["<unk>", "<s>", "</s>"]
    var types: [Int32] = [2, 3, 3]
    for byte in 0..<256 {
      let digits = String(byte, radix: 16, uppercase: true)
      tokens.append("<0x" + (digits.count < 2 ? "0" : "") + digits + ">")
      types.append(6)
    }
    tokens += pieces(size - leastSize)
    types += [Int32](repeating: 1, count: tokens.count - types.count)
    var vocabulary = GGUFVocabulary(model: "llama", tokens: tokens)
    vocabulary.types = types
    // A piece is merged before those that come after it.
    vocabulary.scores = tokens.indices.map { $0 < leastSize ? 0 : Float(leastSize - $0) }
    (vocabulary.unknown, vocabulary.bos, vocabulary.eos) = (0, 1, 2)
    vocabulary.addBOS = true
    vocabulary.addEOS = false
    vocabulary.addSpacePrefix = true
    vocabulary.contextLength = context
    return vocabulary
  }

  /// Single characters first, then runs of two to four letters: each can be merged from earlier ones.
  private static func pieces(_ count: Int) -> [String] {
    var all = ["▁"] + (UInt8(ascii: "!")...UInt8(ascii: "~")).map { String(UnicodeScalar($0)) }
    var shorter = [""]
    for length in 1...4 where all.count < count {
      var longer: [String] = []
      for run in shorter {
        for letter in letters where all.count + longer.count < count {
          longer.append(run + letter)
        }
      }
      // Single letters are there already.
      if length > 1 { all += longer }
      all += longer.prefix(length < 4 ? longer.count : 0).map { "▁" + $0 }
      shorter = longer
    }
    return Array(all.prefix(count))
  }
}
