import HalterRandom

/// Decides which rows go into which batch.
///
/// An epoch is a list of optimiser steps; a step is one or more micro-batches, whose gradients are
/// added up; a micro-batch is a list of row numbers. Every row comes exactly once an epoch. The plan
/// of an epoch follows from the lengths, the settings, the seed and the epoch's number alone, so a
/// run can resume at any step.
///
/// Nothing is ever padded. Rows of similar length are still put together, since a long row among
/// short ones holds up the attention of a batch: rows are shuffled, cut into windows, sorted within
/// each window and filled in that order, and the batches shuffled again.
public struct BatchPlanner: Sendable, Equatable {
  /// What fills a micro-batch.
  public enum Budget: Sendable, Equatable {
    /// At most so many tokens; a longer row is alone in its micro-batch.
    case tokens(Int)
    /// At most so many rows.
    case rows(Int)
  }

  /// A window holds about this many micro-batches.
  static let batchesInWindow = 32

  /// The length of each row in tokens.
  public let lengths: [Int]
  /// What fills a micro-batch.
  public let budget: Budget
  /// How many micro-batches make a step; the last of an epoch may have fewer.
  public let accumulate: Int
  /// What the order follows from.
  public let seed: UInt64

  /// A planner.
  ///
  /// - Parameters:
  ///   - lengths: the length of each row in tokens.
  ///   - budget: what fills a micro-batch; positive.
  ///   - accumulate: how many micro-batches make a step; positive.
  ///   - seed: what the order follows from.
  public init(lengths: [Int], budget: Budget, accumulate: Int = 1, seed: UInt64) {
    switch budget {
    case .tokens(let limit), .rows(let limit):
      precondition(limit > 0, "BatchPlanner: the budget is positive, not \(limit)")
    }
    precondition(accumulate > 0, "BatchPlanner: accumulate is positive, not \(accumulate)")
    self.lengths = lengths
    self.budget = budget
    self.accumulate = accumulate
    self.seed = seed
  }

  /// The steps of an epoch, counted from 0.
  public func epoch(_ number: Int) -> EpochPlan {
    precondition(number >= 0, "BatchPlanner: epochs count from 0, not \(number)")
    var random = RandomStream(seed: seed, stream: UInt64(number))
    var order = Array(lengths.indices)
    random.shuffle(&order)
    sortWindows(&order)
    var batches = fill(order)
    random.shuffle(&batches)
    return EpochPlan(number: number, microBatches: batches, accumulate: accumulate)
  }

  /// The rows in their own order, for evaluation: every row once, nothing dropped.
  public func inOrder() -> [[Int]] {
    fill(Array(lengths.indices))
  }

  /// How many optimiser steps the epochs have in all. Under a token budget, epochs may differ by a
  /// step or so.
  public func stepCount(epochs: Int) -> Int {
    switch budget {
    case .rows: epochs * epoch(0).stepCount
    case .tokens: (0..<epochs).reduce(0) { $0 + epoch($1).stepCount }
    }
  }

  /// The epoch of a step counted over the whole run, and the step within it; both from 0. Nil when
  /// there are no rows.
  public func position(ofStep step: Int) -> (epoch: Int, step: Int)? {
    precondition(step >= 0, "BatchPlanner: steps count from 0, not \(step)")
    if lengths.isEmpty { return nil }
    var rest = step
    var number = 0
    while true {
      let count = epoch(number).stepCount
      if rest < count { return (number, rest) }
      rest -= count
      number += 1
    }
  }

  // MARK: - Filling

  /// Sorts each window by length, rising and falling in turn so that a micro-batch that straddles
  /// two windows is of one length too.
  private func sortWindows(_ order: inout [Int]) {
    let window = max(1, rowsInBatch * Self.batchesInWindow)
    var rising = true
    for start in stride(from: 0, to: order.count, by: window) {
      let range = start..<min(start + window, order.count)
      let sorted = order[range].sorted { first, second in
        let (shorter, longer) = rising ? (first, second) : (second, first)
        // Equal lengths go by row number: `sort` is not promised to be stable.
        return (lengths[shorter], shorter) < (lengths[longer], longer)
      }
      order.replaceSubrange(range, with: sorted)
      rising.toggle()
    }
  }

  /// About how many rows fill a micro-batch.
  private var rowsInBatch: Int {
    switch budget {
    case .rows(let limit): return limit
    case .tokens(let limit):
      let mean = max(1, lengths.reduce(0, +) / max(1, lengths.count))
      return max(1, limit / mean)
    }
  }

  private func fill(_ order: [Int]) -> [[Int]] {
    var batches: [[Int]] = []
    var current: [Int] = []
    var tokens = 0
    for row in order {
      let isFull =
        switch budget {
        case .tokens(let limit): tokens + lengths[row] > limit
        case .rows(let limit): current.count == limit
        }
      if isFull, !current.isEmpty {
        batches.append(current)
        current = []
        tokens = 0
      }
      current.append(row)
      tokens += lengths[row]
    }
    if !current.isEmpty { batches.append(current) }
    return batches
  }
}

/// The optimiser steps of one epoch.
public struct EpochPlan: Sendable, Equatable {
  /// The epoch, counted from 0.
  public let number: Int
  /// All micro-batches in order: row numbers.
  public let microBatches: [[Int]]
  /// How many micro-batches make a step.
  public let accumulate: Int

  /// How many optimiser steps there are.
  public var stepCount: Int { (microBatches.count + accumulate - 1) / accumulate }

  /// The micro-batches of one step, counted from 0.
  public func step(_ index: Int) -> [[Int]] {
    precondition(
      (0..<stepCount).contains(index), "EpochPlan: step \(index) of \(stepCount)")
    let start = index * accumulate
    return Array(microBatches[start..<min(start + accumulate, microBatches.count)])
  }

  /// All steps in order.
  public var steps: [[[Int]]] { (0..<stepCount).map(step) }
}
