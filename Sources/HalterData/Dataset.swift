import HalterTokenizers

/// Rows ready to be trained or evaluated on.
public struct Dataset: Sendable {
  /// The rows in source order.
  public let rows: [TokenizedRow]
  /// What became of the rows that were read.
  public let statistics: DatasetStatistics
  /// The layout of each source, in order, as found or as named.
  public let layouts: [String]
  /// A fingerprint of all tokens and weights in order, so that a run does not resume on other
  /// data.
  public let contentHash: UInt64

  /// The length of each row in tokens.
  public var lengths: [Int] { rows.map(\.tokens.count) }

  /// Reads, encodes and checks the rows of some sources.
  ///
  /// - Parameters:
  ///   - sources: the files, in order; at least one.
  ///   - encoder: the way from examples to rows.
  /// - Throws: `DataError` for a missing or empty file, a row that does not fit its layout, a row
  ///   that is too long where the policy says so, and a set that would teach nothing or never
  ///   teach the model to stop.
  public init(reading sources: [DataSource], encoder: ExampleEncoder) throws(DataError) {
    precondition(!sources.isEmpty, "Dataset: no sources")
    var builder = Builder(encoder: encoder)
    var layouts: [String] = []
    for source in sources {
      var reader = try SourceReader(source)
      while let record = try reader.next() {
        try builder.add(reader.decoder.example(from: record))
      }
      layouts.append(reader.decoder.layout.name)
    }
    self = try builder.finish(layouts: layouts, name: sources.map(\.name).joined(separator: ", "))
  }

  /// Encodes and checks examples that are already in memory.
  ///
  /// - Throws: `DataError` as `init(reading:encoder:)` does.
  public init(_ examples: [Example], encoder: ExampleEncoder) throws(DataError) {
    var builder = Builder(encoder: encoder)
    for example in examples { try builder.add(example) }
    let name = examples.first?.location.file ?? "the data"
    self = try builder.finish(layouts: [], name: name)
  }

  private init(
    rows: [TokenizedRow], statistics: DatasetStatistics, layouts: [String], contentHash: UInt64
  ) {
    self.rows = rows
    self.statistics = statistics
    self.layouts = layouts
    self.contentHash = contentHash
  }

  // MARK: - Building

  private struct Builder {
    let encoder: ExampleEncoder
    var rows: [TokenizedRow] = []
    var statistics = DatasetStatistics()
    var hash = ContentHash()

    mutating func add(_ example: Example) throws(DataError) {
      let encoded = try encoder.encode(example)
      statistics.add(encoded)
      for row in encoded.rows {
        hash.add(row)
        rows.append(row)
      }
    }

    func finish(layouts: [String], name: String) throws(DataError) -> Dataset {
      if rows.isEmpty { throw nothingLeft(name) }
      if statistics.trainedAnswers > 0, statistics.trainedStops == 0 { throw neverStops(name) }
      return Dataset(
        rows: rows, statistics: statistics, layouts: layouts, contentHash: hash.value)
    }

    private func neverStops(_ name: String) -> DataError {
      let template = encoder.renderer.map { " \($0.template.kind.rawValue)" } ?? ""
      return DataError(
        .untrainable,
        "no answer of the \(rows.count) rows ends in a trained stop token, so that the model"
          + " would never learn to stop: the template\(template) does not go with this tokenizer,"
          + " or every answer is cut short or excluded; name another with `template:`",
        file: name)
    }

    private func nothingLeft(_ name: String) -> DataError {
      if statistics.rowsRead == 0 {
        return DataError(.untrainable, "there are no rows", file: name)
      }
      let reasons = EncodedExample.Drop.allCases.compactMap { drop -> String? in
        guard let tally = statistics.dropped[drop] else { return nil }
        guard drop == .tooLong, let limit = encoder.length.maxLength else {
          return "\(drop.words): \(tally.summary)"
        }
        return "longer than `max_length` \(limit): \(tally.summary), the longest has"
          + " \(statistics.longestRead) tokens"
      }
      return DataError(
        .untrainable,
        "none of the \(statistics.rowsRead) rows is left to train on; "
          + reasons.joined(separator: "; "), file: name)
    }
  }
}
