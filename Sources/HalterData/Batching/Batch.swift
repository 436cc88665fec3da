/// A flat stream of rows: no padding, no mask.
public struct Batch: Sendable, Equatable {
  /// The tokens of all rows one after the other, [T].
  public let tokens: [Int32]
  /// The place of each token in its row, counted from 0, [T].
  public let positions: [Int32]
  /// Where each row starts, and T at the end, [S + 1].
  public let segments: [Int32]
  /// The weight of predicting each token from those before it in its row, [T]. The weight at the
  /// start of a row is 0.
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
      positions += 0..<Int32(row.tokens.count)
      weights += row.lossWeights
      segments.append(Int32(tokens.count))
    }
    self.tokens = tokens
    self.positions = positions
    self.segments = segments
    lossWeights = weights
  }

  /// How many rows there are, S.
  public var rowCount: Int { segments.count - 1 }

  /// How many tokens carry loss.
  public var trainedTokens: Int { lossWeights.count { $0 != 0 } }

  /// The sum of the loss weights: what the summed loss of an optimiser step is divided by.
  public var weightSum: Double { lossWeights.reduce(0.0) { $0 + Double($1) } }
}
