import HalterRandom

/// The rows that came from one source, and how often an epoch draws them.
public struct RowSource: Sendable, Equatable {
  /// The numbers of the rows.
  public let rows: Range<Int>
  /// How often an epoch draws a row: 1 is once; 0.5 takes half of the rows in one epoch and the
  /// other half in the next; 1.5 takes every row once and half of them twice.
  public let weight: Double

  /// A source; `weight` is positive and finite.
  public init(rows: Range<Int>, weight: Double = 1) {
    precondition(weight > 0 && weight.isFinite, "RowSource: the weight is positive, not \(weight)")
    self.rows = rows
    self.weight = weight
  }

  /// Appends the rows that an epoch draws, in no order to rely on.
  ///
  /// The epochs take their shares one after the other from an endless row of passes over the
  /// source, each pass in an order of its own, so every row comes once before any comes again.
  func draw(epoch: Int, seed: UInt64, into order: inout [Int32]) {
    let (start, end) = (drawn(before: epoch), drawn(before: epoch + 1))
    var at = start
    while at < end {
      let (pass, offset) = at.quotientAndRemainder(dividingBy: rows.count)
      let taken = min(rows.count - offset, end - at)
      if taken == rows.count {
        order.append(contentsOf: rows.lazy.map(Int32.init))
      } else {
        order += shuffled(pass: pass, seed: seed)[offset..<offset + taken]
      }
      at += taken
    }
  }

  /// How many rows all epochs before `epoch` draw.
  private func drawn(before epoch: Int) -> Int {
    Int((Double(epoch) * weight * Double(rows.count)).rounded())
  }

  private func shuffled(pass: Int, seed: UInt64) -> [Int32] {
    var random = RandomStream(seed: seed, name: "pass \(pass) over rows from \(rows.lowerBound)")
    var order = rows.map(Int32.init)
    random.shuffle(&order)
    return order
  }
}

/// What an epoch takes from a source.
public struct SourceShare: Sendable, Equatable {
  /// Rows, each counted as often as it comes.
  public let rows: Int
  /// The tokens of these rows.
  public let tokens: Int
}
