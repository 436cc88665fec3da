/// Reads the rows of some sources and encodes them on several threads.
struct Preparation {
  /// The layout of each source, in order.
  var layouts: [String] { stream.layouts }
  private let stream: ExampleStream
  private let encoder: ExampleEncoder
  private let deduplication: Deduplication

  /// Opens the sources, so that what is missing is known before anything long begins.
  /// - Throws: `DataError` as `SourceReader` does.
  init(
    _ sources: [DataSource], encoder: ExampleEncoder, deduplication: Deduplication, threads: Int
  ) throws(DataError) {
    stream = try ExampleStream(sources, threads: threads)
    self.encoder = encoder
    self.deduplication = deduplication
  }

  /// Encodes all rows and judges the set.
  /// - Parameters:
  ///   - others: has seen the rows of another set, which are to be none of this.
  ///   - progress: called now and then; what it throws ends the work.
  ///   - consume: takes each row with the number of its source, in order.
  /// - Returns: what is known of the rows as a whole.
  /// - Throws: `DataError` for the first row, in order, that cannot be encoded, and for a set that
  ///   would teach nothing; what the closures throw.
  func run(
    apartFrom others: DuplicateFilter? = nil,
    progress: (PreparationProgress) throws -> Void = { _ in },
    consume: (TokenizedRow, _ source: Int) throws -> Void
  ) throws -> DatasetSummary {
    let encoder = encoder
    var intake = RowIntake(
      encoder: encoder, duplicates: DuplicateFilter(deduplication, apartFrom: others))
    try stream.run(
      .tokenizing, deduplication,
      make: { (example) throws(DataError) in try encoder.encode(example) }, progress: progress,
      consume: { encoded, signature, source in
        for row in intake.take(encoded, signature) { try consume(row, source) }
      })
    try intake.check(name: stream.name, isPart: stream.isPart)
    return DatasetSummary(statistics: intake.statistics, layouts: layouts)
  }
}
