import HalterTokenizers

/// A row as text again, in runs of tokens that count the same in the loss.
public struct RowText: Sendable, Equatable {
  /// Tokens that follow each other and have one loss weight.
  public struct Run: Sendable, Equatable {
    /// What they spell, control tokens included; a character that two runs share is a mark in both.
    public let text: String
    /// What each of them counts in the loss.
    public let weight: Float
    /// How many they are.
    public let tokens: Int
  }

  /// The runs in order.
  public let runs: [Run]

  /// The text of a row of a tokenizer's ids.
  public init(_ row: TokenizedRow, tokenizer: Tokenizer) {
    var runs: [Run] = []
    var start = 0
    while start < row.tokens.count {
      let weight = row.lossWeights[start]
      let end =
        row.lossWeights[start...].firstIndex { $0 != weight } ?? row.tokens.count
      let bytes = row.tokens[start..<end].flatMap { id in
        tokenizer.isSpecial(id)
          ? Array((tokenizer.token(id) ?? "").utf8) : tokenizer.bytes(of: id)
      }
      runs.append(
        Run(text: String(decoding: bytes, as: UTF8.self), weight: weight, tokens: end - start))
      start = end
    }
    self.runs = runs
  }
}
