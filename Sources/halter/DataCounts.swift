import HalterData

/// What became of the rows of a set, as JSON.
struct DataCounts: Encodable {
  let layouts: [String]
  let rowsRead: Int
  let rows: Int
  let tokens: Int
  let trainedTokens: Int
  let longest: Int
  let notes: [String]

  init(_ statistics: DatasetStatistics, layouts: [String]) {
    self.layouts = layouts
    rowsRead = statistics.rowsRead
    rows = statistics.rows
    tokens = statistics.tokens
    trainedTokens = statistics.trainedTokens
    longest = statistics.longest
    notes = statistics.notes
  }
}
