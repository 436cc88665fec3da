/// A flat stream of rows: no padding, no mask.
public struct Batch: Sendable, Equatable {
  /// The tokens of all rows one after the other, [T].
  public let tokens: [Int32]
  /// The place of each token in its text, counted from 0, [T].
  public let positions: [Int32]
  /// Where each text starts, and T at the end, [S + 1]. A row is one text, but for those that hold
  /// several answers.
  public let segments: [Int32]
  /// The weight of predicting each token from those before it in its text, [T]. The weight at the
  /// start of a text is 0.
  public let lossWeights: [Float]

  /// Joins rows in their order. At most `Int32.max` tokens in all.
  public init(rows: [TokenizedRow]) {
    let total = rows.reduce(0) { $0 + $1.tokens.count }
    precondition(total <= Int(Int32.max), "Batch: \(total) tokens do not fit 32-bit positions")
    var tokens: [Int32] = []
    var positions: [Int32] = []
    var segments: [Int32] = [0]
    var weights: [Float] = []
    tokens.reserveCapacity(total)
    positions.reserveCapacity(total)
    segments.reserveCapacity(rows.count + 1)
    weights.reserveCapacity(total)
    for row in rows {
      tokens += row.tokens
      weights += row.lossWeights
      for length in row.textLengths {
        positions += 0..<length
        segments.append((segments.last ?? 0) + length)
      }
    }
    self.tokens = tokens
    self.positions = positions
    self.segments = segments
    lossWeights = weights
  }

  /// How many texts there are, S: as many as rows, where no row holds several answers.
  public var rowCount: Int { segments.count - 1 }

  /// How many tokens carry loss.
  public var trainedTokens: Int { lossWeights.count { $0 != 0 } }

  /// The sum of the loss weights: what the summed loss of an optimiser step is divided by.
  public var weightSum: Double { lossWeights.reduce(0.0) { $0 + Double($1) } }
}
