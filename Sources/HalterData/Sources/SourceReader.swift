/// Turns the records of one source into examples; threads may share it.
public struct ExampleDecoder: Sendable {
  let parser: any RecordParser
  /// The layout of the source, as named or as found on its first row.
  public let layout: any RowLayout

  /// The example that a record holds.
  ///
  /// - Throws: `DataError` naming file, line and path of what is malformed or does not fit.
  public func example(from record: RawRecord) throws(DataError) -> Example {
    try layout.example(from: SourceRow(parser.object(record), at: record.location))
  }
}

/// Streams the records of one source; its layout is the first row's, unless it was named.
public struct SourceReader {
  /// How records become examples.
  public let decoder: ExampleDecoder
  private let source: DataSource
  private var records: any RecordReader
  private var first: RawRecord?
  private var rowsRead = 0

  /// Opens a source and reads its first row.
  ///
  /// - Throws: `DataError` when the file is missing, cannot be read or has no row, and when the
  ///   layout is unknown or cannot be told.
  public init(_ source: DataSource) throws(DataError) {
    self.source = source
    var records: any RecordReader = try JSONLines(url: source.url, name: source.name)
    guard let first = try records.next() else {
      throw DataError(
        .untrainable, "the file is empty: expected one JSON object a line", file: source.name)
    }
    let layout: any RowLayout
    if let name = source.layout {
      layout = try Layouts.named(name)
    } else {
      layout = try Layouts.sniff(SourceRow(records.parser.object(first), at: first.location))
    }
    decoder = ExampleDecoder(parser: records.parser, layout: layout)
    self.records = records
    self.first = first
  }

  /// The next record, or nil at the end.
  ///
  /// - Throws: `DataError` when the disk refuses.
  public mutating func next() throws(DataError) -> RawRecord? {
    if let limit = source.limit, rowsRead >= limit { return nil }
    let record: RawRecord?
    if let first {
      record = first
      self.first = nil
    } else {
      record = try records.next()
    }
    if record != nil { rowsRead += 1 }
    return record
  }
}
