import HalterData
import HalterFormats
import HalterTraining

/// What an epoch takes from each source of the rows to learn from.
struct Mixture {
  /// The sources that have rows, with their weights.
  let sources: [RowSource]
  private let names: [String]

  /// The mixture of a set whose rows stand in the order of its sources.
  /// - Throws: `FormatError` when the rows cannot be read, `DataError` where a source that is to be
  ///   a share of them has none.
  init(of dataset: Dataset, from origins: [DataSource]) throws {
    var sources: [RowSource] = []
    var names: [String] = []
    var ranges: [Range<Int>] = []
    for index in origins.indices {
      let start = ranges.last?.upperBound ?? 0
      ranges.append(start..<(try Self.end(of: index, in: dataset, from: start)))
    }
    let shares = origins.compactMap(\.share)
    if !shares.isEmpty, let empty = ranges.firstIndex(where: \.isEmpty) {
      throw DataError(
        .untrainable, "no row is left of this source, which is to be a share of all; take it out",
        file: origins[empty].name)
    }
    let weights =
      shares.count == origins.count
      ? Self.weights(of: ranges.map(\.count), shares: shares) : origins.map(\.weight)
    for (index, rows) in ranges.enumerated() where !rows.isEmpty {
      sources.append(RowSource(rows: rows, weight: weights[index]))
      names.append(origins[index].name)
    }
    self.sources = sources
    self.names = names
  }

  /// How often an epoch draws each row of sources of so many rows, so that they have their shares:
  /// the rows of the scarcest once, of the others as many as go with them.
  static func weights(of rows: [Int], shares: [Double]) -> [Double] {
    let total = zip(rows, shares).map { Double($0) / $1 }.min() ?? 0
    return zip(rows, shares).map { $1 * total / Double($0) }
  }

  /// What the first epoch makes of the mixture: how full the batches are, and, where a source does
  /// not simply come once, what is drawn of each.
  func notes(_ planner: BatchPlanner) -> [String] {
    var notes: [String] = []
    if sources.contains(where: { $0.weight != 1 }) {
      for (name, share) in zip(names, planner.shares(epoch: 0)) {
        notes.append(
          "an epoch draws \(Quantities.grouped(share.rows)) rows"
            + " (\(Quantities.count(share.tokens)) tokens) of \(name)")
      }
    }
    if case .tokens = planner.budget {
      notes.append(
        "batches are full but for \(Quantities.share(planner.epoch(0).waste, of: 1)) of their"
          + " tokens")
    }
    return notes
  }

  /// The first row from `start` on that belongs to a source after `index`.
  private static func end(
    of index: Int, in dataset: Dataset, from start: Int
  ) throws(FormatError) -> Int {
    var (low, high) = (start, dataset.count)
    while low < high {
      let middle = (low + high) / 2
      if try dataset.source(ofRow: middle) <= index { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
