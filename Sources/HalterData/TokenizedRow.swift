/// A row as it is trained: token ids, and how much each counts in the loss.
public struct TokenizedRow: Sendable, Equatable {
  /// The token ids, [T].
  public let tokens: [Int32]
  /// `lossWeights[t]` is the weight of predicting `tokens[t]` from those before it, [T]. The first
  /// is always 0: nothing comes before it.
  public let lossWeights: [Float]
  /// Where the row came from.
  public let location: RowLocation

  /// A row of tokens and weights, [T] each; the first weight is set to 0.
  public init(tokens: [Int32], lossWeights: [Float], location: RowLocation) {
    precondition(
      tokens.count == lossWeights.count,
      "TokenizedRow: \(tokens.count) tokens and \(lossWeights.count) loss weights")
    self.tokens = tokens
    var weights = lossWeights
    if !weights.isEmpty { weights[0] = 0 }
    self.lossWeights = weights
    self.location = location
  }

  /// How many tokens carry loss.
  public var trainedTokens: Int { lossWeights.count { $0 != 0 } }
}
