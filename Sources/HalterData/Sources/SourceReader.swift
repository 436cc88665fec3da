import HalterJSON

/// Turns the records of one source into examples; threads may share it.
public struct ExampleDecoder: Sendable {
  /// The file's names of the layout's columns, where they differ.
  let columns: [String: String]
  /// The layout of the source, as named or as found on its first row.
  public let layout: any RowLayout

  /// The example that a record holds.
  ///
  /// - Throws: `DataError` naming file, line and path of what is malformed or does not fit.
  public func example(from record: RawRecord) throws(DataError) -> Example {
    try layout.example(from: record.row(names: columns))
  }
}

/// Streams the records of one source, file after file; its layout is the first row's, unless it was
/// named.
public struct SourceReader {
  /// A named column may be missing in so many rows before it is taken for a mistake.
  private static let rowsSearched = 1000

  /// How records become examples.
  public let decoder: ExampleDecoder
  /// How many bytes the source's files have.
  public var byteCount: Int { walk.byteCount }
  /// How many of them have been read.
  public var bytesRead: Int { walk.bytesRead }

  private let source: DataSource
  private var walk: FileWalk
  /// Records that were read to learn about the source, and not handed out yet.
  private var ahead: ArraySlice<RawRecord>
  private var rowsRead = 0

  /// Opens a source and reads its first row.
  ///
  /// - Throws: `DataError` when a file is missing or cannot be read, when there is no row, when the
  ///   layout is unknown or cannot be told, and when a column that is named is not there.
  public init(_ source: DataSource) throws(DataError) {
    self.source = source
    walk = FileWalk(try source.files(), declared: source.format)
    guard let first = try walk.next() else { throw walk.nothing(in: source.name) }
    ahead = [first]
    let layout: any RowLayout
    if let name = source.layout {
      layout = try Layouts.named(name)
    } else {
      layout = try Layouts.sniff(first.row(names: source.columns))
    }
    decoder = ExampleDecoder(columns: source.columns, layout: layout)
    if !source.columns.isEmpty { try findColumns() }
  }

  /// The next record, or nil at the end.
  ///
  /// - Throws: `DataError` when the disk refuses, or a file is not what it seems to be.
  public mutating func next() throws(DataError) -> RawRecord? {
    // Where every row is in the part, no more than the limit are needed.
    if let limit = source.limit, source.part.isWhole, rowsRead >= limit { return nil }
    rowsRead += 1
    if let record = ahead.popFirst() { return record }
    return try walk.next()
  }

  /// Checks the names in `columns`: the layout knows those on its side, and some row has those on
  /// the file's.
  private mutating func findColumns() throws(DataError) {
    let known = decoder.layout.columns
    for name in source.columns.keys.sorted() where !known.contains(name) {
      throw DataError(
        .misfit,
        "`columns` names `\(name)`, which is no column of the layout `\(decoder.layout.name)`; its"
          + " columns are \(SourceRow.list(known))", file: source.name)
    }
    var missing = source.columns
    var found: [String] = []
    var searched = 0
    while true {
      if searched == ahead.count {
        guard searched < min(Self.rowsSearched, source.part.isWhole ? source.limit ?? .max : .max),
          let record = try walk.next()
        else { break }
        ahead.append(record)
      }
      let keys = try ahead[ahead.startIndex + searched].object().keys
      searched += 1
      missing = missing.filter { !keys.contains($0.value) }
      if missing.isEmpty { return }
      if searched == 1 { found = keys }
    }
    for (name, column) in missing.sorted(by: { $0.key < $1.key }) {
      throw DataError(
        .misfit,
        "no row among the first \(searched) has the column `\(column)`, which `columns` names as the"
          + " layout's `\(name)`; the first has \(SourceRow.list(found))", file: source.name)
    }
  }
}
