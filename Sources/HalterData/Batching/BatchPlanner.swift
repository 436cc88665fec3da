import HalterRandom
import Synchronization

/// Decides which rows go into which batch.
///
/// An epoch is a list of optimiser steps; a step is one or more micro-batches, whose gradients are
/// added up; a micro-batch is a list of row numbers. An epoch takes each row as often as the weight
/// of its source says, once if nothing else is said; no row is cut or left out. The plan of an
/// epoch follows from the lengths, the sources, the settings, the seed and the epoch's number
/// alone, so a run can resume at any step.
///
/// Nothing is ever padded. Under a token budget the shuffled rows are packed best fit first
/// (`BestFitPacking`), whatever their lengths: attention runs inside rows, so rows of different
/// lengths do not get in each other's way. Where rows are counted instead, those of similar length
/// are put together, so that few micro-batches are large: the shuffled rows are cut into windows
/// and sorted within each. At last the micro-batches are shuffled.
public struct BatchPlanner: Sendable {
  /// What fills a micro-batch.
  public enum Budget: Sendable, Equatable {
    /// At most so many tokens; a longer row is alone in its micro-batch.
    case tokens(Int)
    /// At most so many rows.
    case rows(Int)
  }

  /// About so many micro-batches are filled from one choice of rows.
  static let batchesInWindow = 64
  /// The least number of rows to choose from: among fewer, long rows find no partner.
  static let leastChoice = 1024

  /// The length of each row in tokens.
  public let lengths: [Int]
  /// Where the rows came from, and how often an epoch draws them.
  public let sources: [RowSource]
  /// What fills a micro-batch.
  public let budget: Budget
  /// How many micro-batches make a step; the last of an epoch may have fewer.
  public let accumulate: Int
  /// What the order follows from.
  public let seed: UInt64
  private let stepCounts = StepCounts()

  /// A planner.
  ///
  /// - Parameters:
  ///   - lengths: the length of each row in tokens; fewer than 2^31 rows.
  ///   - sources: the rows of each source; nil for all rows once an epoch.
  ///   - budget: what fills a micro-batch; positive.
  ///   - accumulate: how many micro-batches make a step; positive.
  ///   - seed: what the order follows from.
  public init(
    lengths: [Int], sources: [RowSource]? = nil, budget: Budget, accumulate: Int = 1,
    seed: UInt64
  ) {
    switch budget {
    case .tokens(let limit), .rows(let limit):
      precondition(limit > 0, "BatchPlanner: the budget is positive, not \(limit)")
    }
    precondition(accumulate > 0, "BatchPlanner: accumulate is positive, not \(accumulate)")
    let sources = sources ?? [RowSource(rows: lengths.indices)]
    precondition(
      sources.allSatisfy { lengths.indices.contains($0.rows) },
      "BatchPlanner: a source has rows beyond the \(lengths.count) there are")
    self.lengths = lengths
    self.sources = sources
    self.budget = budget
    self.accumulate = accumulate
    self.seed = seed
  }

  /// The steps of an epoch, counted from 0.
  public func epoch(_ number: Int) -> EpochPlan {
    precondition(number >= 0, "BatchPlanner: epochs count from 0, not \(number)")
    var random = RandomStream(seed: seed, stream: UInt64(number))
    var rows = draw(epoch: number).flatMap(\.self)
    random.shuffle(&rows)
    let batches: RowGroups
    switch budget {
    case .tokens(let limit):
      let mean = max(1, tokens(rows) / max(1, rows.count))
      let packing = BestFitPacking(
        lengths: lengths, limit: limit,
        choice: max(Self.leastChoice, limit / mean * Self.batchesInWindow))
      batches = packing.pack(rows)
    case .rows(let limit):
      sortWindows(&rows, of: limit * Self.batchesInWindow)
      batches = fill(rows)
    }
    var order = Array(0..<Int32(batches.count))
    random.shuffle(&order)
    let plan = EpochPlan(
      number: number, accumulate: accumulate, waste: waste(rows, batches.count),
      batches: batches, order: order)
    stepCounts.remember(plan.stepCount, epoch: number)
    return plan
  }

  /// The rows in their own order, for evaluation: every row once, nothing dropped, whatever the
  /// weights.
  public func inOrder() -> [[Int]] {
    let batches = fill(lengths.indices.map(Int32.init))
    return (0..<batches.count).map { batches[$0] }
  }

  /// What an epoch takes from each source.
  public func shares(epoch number: Int) -> [SourceShare] {
    draw(epoch: number).map { SourceShare(rows: $0.count, tokens: tokens($0)) }
  }

  /// How many optimiser steps the first `epochs` epochs have in all. Under a token budget, epochs
  /// may differ by a step or so.
  public func stepCount(epochs: Int) -> Int {
    (0..<epochs).reduce(0) { $0 + stepCount(epoch: $1) }
  }

  /// The epoch of a step counted over the whole run, and the step within it; both from 0. Nil when
  /// there are no rows.
  public func position(ofStep step: Int) -> (epoch: Int, step: Int)? {
    precondition(step >= 0, "BatchPlanner: steps count from 0, not \(step)")
    if sources.allSatisfy(\.rows.isEmpty) { return nil }
    var rest = step
    var number = 0
    while true {
      let count = stepCount(epoch: number)
      if rest < count { return (number, rest) }
      rest -= count
      number += 1
    }
  }

  private func stepCount(epoch number: Int) -> Int {
    stepCounts.known(epoch: number) ?? epoch(number).stepCount
  }

  // MARK: - Rows

  /// The rows that an epoch draws from each source.
  private func draw(epoch number: Int) -> [[Int32]] {
    sources.map { source in
      var rows: [Int32] = []
      source.draw(epoch: number, seed: seed, into: &rows)
      return rows
    }
  }

  private func tokens(_ rows: [Int32]) -> Int { rows.reduce(0) { $0 + lengths[Int($1)] } }

  /// The share of the budget that is left unused; a row that is longer than it uses all of its
  /// micro-batch.
  private func waste(_ rows: [Int32], _ batches: Int) -> Double {
    guard case .tokens(let limit) = budget, batches > 0 else { return 0 }
    let used = rows.reduce(0.0) { $0 + Double(min(limit, lengths[Int($1)])) }
    return 1 - used / (Double(batches) * Double(limit))
  }

  // MARK: - Filling

  /// Sorts each window by length, rising and falling in turn so that a micro-batch that straddles
  /// two windows is of one length too.
  private func sortWindows(_ rows: inout [Int32], of window: Int) {
    var rising = true
    for start in stride(from: 0, to: rows.count, by: window) {
      let range = start..<min(start + window, rows.count)
      rows[range].sort { first, second in
        let (shorter, longer) = rising ? (first, second) : (second, first)
        // Equal lengths go by row number: `sort` is not promised to be stable.
        return (lengths[Int(shorter)], shorter) < (lengths[Int(longer)], longer)
      }
      rising.toggle()
    }
  }

  /// Micro-batches of rows as they come.
  private func fill(_ rows: [Int32]) -> RowGroups {
    var batches = RowGroups(capacity: rows.count)
    var (count, tokens) = (0, 0)
    for row in rows {
      let isFull =
        switch budget {
        case .tokens(let limit): tokens + lengths[Int(row)] > limit
        case .rows(let limit): count == limit
        }
      if isFull, count > 0 {
        batches.close()
        (count, tokens) = (0, 0)
      }
      batches.append(row)
      count += 1
      tokens += lengths[Int(row)]
    }
    if count > 0 { batches.close() }
    return batches
  }
}

/// The number of steps of each epoch that was planned, so that none is planned again to be counted.
private final class StepCounts: Sendable {
  private let counts = Mutex<[Int: Int]>([:])

  func known(epoch: Int) -> Int? { counts.withLock { $0[epoch] } }

  func remember(_ count: Int, epoch: Int) { counts.withLock { $0[epoch] = count } }
}
