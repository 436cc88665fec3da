import HalterFormats

/// Rows ready to be trained or evaluated on. They are read where they are, in memory or in a cache
/// file, when they are asked for.
public struct Dataset: Sendable {
  /// What became of the rows that were read.
  public let statistics: DatasetStatistics
  /// The layout of each source, in order, as found or as named.
  public let layouts: [String]
  /// A fingerprint of all tokens and weights in order, so that a run does not resume on other
  /// data.
  public let contentHash: UInt64
  /// The length of each row in tokens, in source order.
  public let lengths: [Int]
  private let store: any RowStore

  /// How many rows there are.
  public var count: Int { store.count }

  /// A row, counted from 0 in source order. Threads may read rows at the same time.
  /// - Throws: `FormatError` when the file that the rows are in cannot be read any more.
  public func row(_ index: Int) throws(FormatError) -> TokenizedRow { try store.row(index) }

  /// The source that a row belongs to, counted from 0.
  /// - Throws: `FormatError` when the file that the rows are in cannot be read any more.
  public func source(ofRow index: Int) throws(FormatError) -> Int {
    try store.source(ofRow: index)
  }

  /// What a row says of the answers that it holds, without reading its tokens; nil for a row that
  /// is one text.
  public func comparison(ofRow index: Int) -> AnswerComparison? { store.comparison(ofRow: index) }

  /// Reads, encodes and checks the rows of some sources, and keeps them in memory.
  ///
  /// - Parameters:
  ///   - sources: the files, in order; at least one.
  ///   - encoder: the way from examples to rows.
  ///   - deduplication: what becomes of rows that stand there already.
  ///   - others: sources of rows that are to be none of these.
  ///   - threads: how many threads encode.
  /// - Throws: `DataError` for a missing or empty file, a row that does not fit its layout, a row
  ///   that is too long where the policy says so, and a set that would teach nothing or never
  ///   teach the model to stop.
  public init(
    reading sources: [DataSource], encoder: ExampleEncoder, deduplication: Deduplication = .none,
    apartFrom others: [DataSource] = [], threads: Int = 1
  ) throws {
    precondition(!sources.isEmpty, "Dataset: no sources")
    let preparation = try Preparation(
      sources, encoder: encoder, deduplication: deduplication, threads: threads)
    let seen = try DuplicateFilter(reading: others, deduplication, threads: threads) { _ in }
    var rows = MemoryRows()
    let summary = try preparation.run(apartFrom: seen) { row, source in
      rows.append(row, source: source)
    }
    self.init(rows, summary, contentHash: rows.hash.value)
  }

  /// Encodes and checks examples that are already in memory.
  ///
  /// - Throws: `DataError` as `init(reading:encoder:threads:)` does.
  public init(_ examples: [Example], encoder: ExampleEncoder) throws(DataError) {
    var rows = MemoryRows()
    var intake = RowIntake(encoder: encoder)
    for example in examples {
      let signature = RowSignature(example, .none)
      for row in intake.take(try encoder.encode(example), signature) {
        rows.append(row, source: 0)
      }
    }
    try intake.check(name: examples.first?.location.file ?? "the data")
    self.init(
      rows, DatasetSummary(statistics: intake.statistics, layouts: []),
      contentHash: rows.hash.value)
  }

  /// Rows that are tokenised already, as one source.
  public init(_ rows: [TokenizedRow]) {
    var memory = MemoryRows()
    var statistics = DatasetStatistics()
    for row in rows {
      memory.append(row, source: 0)
      statistics.keep(row)
    }
    self.init(
      memory, DatasetSummary(statistics: statistics, layouts: []),
      contentHash: memory.hash.value)
  }

  /// The rows of a cache.
  init(_ cache: TokenCache) {
    self.init(cache, cache.summary, contentHash: cache.contentHash)
  }

  private init(_ store: any RowStore, _ summary: DatasetSummary, contentHash: UInt64) {
    self.store = store
    lengths = store.lengths.map { Int($0) }
    statistics = summary.statistics
    layouts = summary.layouts
    self.contentHash = contentHash
  }
}

/// What is known of a set of rows as a whole.
public struct DatasetSummary: Sendable, Equatable {
  /// What became of the rows that were read.
  public var statistics: DatasetStatistics
  /// The layout of each source, in order.
  public var layouts: [String]

  /// A summary.
  public init(statistics: DatasetStatistics, layouts: [String]) {
    self.statistics = statistics
    self.layouts = layouts
  }
}
