import HalterData
import HalterFormats
import HalterTraining

/// What an epoch takes from each source of the rows to learn from.
struct Mixture {
  /// The sources that have rows, with their weights.
  let sources: [RowSource]
  private let names: [String]

  /// The mixture of a set whose rows stand in the order of its sources.
  /// - Throws: `FormatError` when the rows cannot be read.
  init(of dataset: Dataset, from origins: [DataSource]) throws(FormatError) {
    var sources: [RowSource] = []
    var names: [String] = []
    var start = 0
    for (index, origin) in origins.enumerated() {
      let end = try Self.end(of: index, in: dataset, from: start)
      if end > start {
        sources.append(RowSource(rows: start..<end, weight: origin.weight))
        names.append(origin.name)
      }
      start = end
    }
    self.sources = sources
    self.names = names
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
