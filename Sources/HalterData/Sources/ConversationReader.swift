/// Streams the conversations of one source; its layout is the first row's, unless it was named.
public struct ConversationReader {
  private let source: DataSource
  private var lines: JSONLines
  private var layout: (any RowLayout)?
  private var rowsRead = 0

  /// Opens a source.
  ///
  /// - Throws: `DataError` when the file is missing or cannot be read, or the layout is unknown.
  public init(_ source: DataSource) throws(DataError) {
    self.source = source
    if let name = source.layout { layout = try Layouts.named(name) }
    lines = try JSONLines(url: source.url, name: source.name)
  }

  /// The layout, once the first row has been read.
  public var layoutName: String? { layout?.name }

  /// The next conversation, or nil at the end.
  ///
  /// - Throws: `DataError` naming file and line of a row that does not fit, or when there is no row
  ///   in the file at all.
  public mutating func next() throws(DataError) -> Conversation? {
    if let limit = source.limit, rowsRead >= limit { return nil }
    guard let row = try lines.next() else {
      if rowsRead == 0 {
        throw DataError(
          .untrainable, "the file is empty: expected one JSON object a line", file: source.name)
      }
      return nil
    }
    rowsRead += 1
    if let layout {
      return try layout.conversation(from: row.object, at: row.location)
    }
    let sniffed = try Layouts.sniff(row.object, at: row.location)
    layout = sniffed
    return try sniffed.conversation(from: row.object, at: row.location)
  }
}
