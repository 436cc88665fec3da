/// The optimiser steps of one epoch.
public struct EpochPlan: Sendable, Equatable {
  /// The epoch, counted from 0.
  public let number: Int
  /// How many micro-batches make a step; the last may have fewer.
  public let accumulate: Int
  /// The share of the token budget that the epoch's micro-batches leave unused; 0 where rows are
  /// counted instead of tokens, as nothing is ever padded.
  public let waste: Double
  private let batches: RowGroups
  /// The places of the micro-batches in `batches`, in the order in which they come.
  private let order: [Int32]

  /// A plan of micro-batches, which come in the order of `order`.
  init(number: Int, accumulate: Int, waste: Double, batches: RowGroups, order: [Int32]) {
    self.number = number
    self.accumulate = accumulate
    self.waste = waste
    self.batches = batches
    self.order = order
  }

  /// How many micro-batches there are.
  public var microBatchCount: Int { order.count }

  /// How many optimiser steps there are.
  public var stepCount: Int { (order.count + accumulate - 1) / accumulate }

  /// All micro-batches in order: row numbers.
  public var microBatches: [[Int]] { order.map { batches[Int($0)] } }

  /// The micro-batches of one step, counted from 0.
  public func step(_ index: Int) -> [[Int]] {
    precondition(
      (0..<stepCount).contains(index), "EpochPlan: step \(index) of \(stepCount)")
    let start = index * accumulate
    return order[start..<min(start + accumulate, order.count)].map { batches[Int($0)] }
  }

  /// All steps in order.
  public var steps: [[[Int]]] { (0..<stepCount).map(step) }
}

/// Lists of row numbers, one behind the other: a million rows are two arrays.
struct RowGroups: Sendable, Equatable {
  private var rows: [Int32] = []
  private var ends: [Int32] = []

  /// How many lists there are.
  var count: Int { ends.count }

  /// No list, with room for `capacity` rows.
  init(capacity: Int) { rows.reserveCapacity(capacity) }

  /// Appends a row to the list that is being made.
  mutating func append(_ row: Int32) { rows.append(row) }

  /// Ends the list that is being made.
  mutating func close() { ends.append(Int32(rows.count)) }

  subscript(index: Int) -> [Int] {
    rows[(index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])].map(Int.init)
  }
}
