import HalterFormats

/// Where the rows of a dataset are: in memory, or in a cache file.
protocol RowStore: Sendable {
  /// How many rows there are.
  var count: Int { get }
  /// The length of each row in tokens, [count].
  var lengths: [Int32] { get }

  /// A row, counted from 0.
  func row(_ index: Int) throws(FormatError) -> TokenizedRow
  /// The source that a row belongs to, counted from 0.
  func source(ofRow index: Int) throws(FormatError) -> Int
  /// What a row says of the answers that it holds; nil for a row that is one text.
  func comparison(ofRow index: Int) -> AnswerComparison?
}

extension TokenCache: RowStore {}

/// Rows in memory.
struct MemoryRows: RowStore {
  private var rows: [TokenizedRow] = []
  private var sources: [Int] = []
  private(set) var hash = ContentHash()

  mutating func append(_ row: TokenizedRow, source: Int) {
    hash.add(row)
    rows.append(row)
    sources.append(source)
  }

  var count: Int { rows.count }
  var lengths: [Int32] { rows.map { Int32($0.tokens.count) } }

  func row(_ index: Int) throws(FormatError) -> TokenizedRow { rows[index] }
  func source(ofRow index: Int) throws(FormatError) -> Int { sources[index] }
  func comparison(ofRow index: Int) -> AnswerComparison? { rows[index].comparison }
}
