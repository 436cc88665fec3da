/// How a row's columns make an example. One conforming type a file, and one line in `Layouts`.
public protocol RowLayout: Sendable {
  /// The layout's name as recipes write it.
  var name: String { get }
  /// The columns that the layout reads; others (an id, a source) are left alone.
  var columns: [String] { get }
  /// The shape of a row, for messages: `{"messages": [{"role": …, "content": …}]}`.
  var shape: String { get }

  /// Whether a row has the columns of this layout and no other layout's.
  func claims(_ row: SourceRow) -> Bool

  /// Makes the example.
  ///
  /// - Throws: `DataError` naming file, line and the path inside the row.
  func example(from row: SourceRow) throws(DataError) -> Example
}

/// The layouts there are.
public enum Layouts {
  /// Every layout, in the order in which messages name them.
  public static let all: [any RowLayout] = [
    MessagesLayout(), ShareGPTLayout(), AlpacaLayout(), PromptCompletionLayout(), TextLayout(),
    PreferenceLayout(), HHRLHFLayout(), RankingLayout(), KTOLayout(), PromptsLayout(),
  ]

  /// The layout with a name.
  ///
  /// - Throws: `DataError` listing the names when there is none such.
  public static func named(_ name: String) throws(DataError) -> any RowLayout {
    if let layout = all.first(where: { $0.name == name }) { return layout }
    let names = all.map { "`\($0.name)`" }.joined(separator: ", ")
    throw DataError(.misfit, "there is no layout `\(name)`; the layouts are `auto`, \(names)")
  }

  /// The one layout that a row has the columns of.
  ///
  /// - Throws: `DataError` when none or several claim the row.
  public static func sniff(_ row: SourceRow) throws(DataError) -> any RowLayout {
    let claiming = all.filter { $0.claims(row) }
    if claiming.count == 1 { return claiming[0] }
    let keys = SourceRow.list(row.columns)
    if claiming.isEmpty {
      let shapes = all.map { "\($0.name): \($0.shape)" }.joined(separator: "; ")
      throw DataError(
        .misfit, at: row.location,
        "no layout has the columns \(keys) of this row; known are \(shapes)")
    }
    let names = claiming.map { "`\($0.name)`" }.joined(separator: " and ")
    throw DataError(
      .misfit, at: row.location,
      "the columns \(keys) of this row fit the layouts \(names); name one with `layout:`")
  }
}
