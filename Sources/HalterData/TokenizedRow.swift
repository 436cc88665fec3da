/// A row as it is trained: token ids, and how much each counts in the loss.
public struct TokenizedRow: Sendable, Equatable {
  /// The token ids, [T].
  public let tokens: [Int32]
  /// `lossWeights[t]` is the weight of predicting `tokens[t]` from those before it, [T]. The first
  /// is always 0: nothing comes before it. In a row of several answers, so is the first of each.
  public let lossWeights: [Float]
  /// Where the row came from.
  public let location: RowLocation
  /// What the row says of the answers that it holds one after the other; nil for a row that is one
  /// text.
  public let comparison: AnswerComparison?

  /// A row of tokens and weights, [T] each; the first weight of each text is set to 0.
  public init(
    tokens: [Int32], lossWeights: [Float], location: RowLocation,
    comparison: AnswerComparison? = nil
  ) {
    precondition(
      tokens.count == lossWeights.count,
      "TokenizedRow: \(tokens.count) tokens and \(lossWeights.count) loss weights")
    if let comparison {
      precondition(
        comparison.lengths.reduce(0) { $0 + Int($1) } == tokens.count
          && comparison.lengths.allSatisfy { $0 > 0 },
        "TokenizedRow: answers of \(comparison.lengths) tokens in a row of \(tokens.count)")
    }
    self.tokens = tokens
    self.location = location
    self.comparison = comparison
    var weights = lossWeights
    var start = 0
    for length in comparison?.lengths ?? [Int32(tokens.count)] where start < weights.count {
      weights[start] = 0
      start += Int(length)
    }
    self.lossWeights = weights
  }

  /// The length of each text in the row, in order: one, or one for each answer.
  public var textLengths: [Int32] { comparison?.lengths ?? [Int32(tokens.count)] }

  /// How many tokens carry loss.
  public var trainedTokens: Int { lossWeights.count { $0 != 0 } }
}
