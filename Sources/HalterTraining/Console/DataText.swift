import HalterData

/// Rows and what became of them, as the console shows them.
public struct DataText {
  private let style: ConsoleStyle

  /// Text in a style.
  public init(style: ConsoleStyle) {
    self.style = style
  }

  /// A row with the tokens that carry loss set off: green, or between ⟦ and ⟧ without colours. A
  /// weight other than 1 is written before its run.
  public func row(_ text: RowText) -> String {
    text.runs.map { run in
      let words = TerminalText.harmless(run.text)
      guard run.weight != 0 else { return style.paint(words, .faint) }
      let weight =
        run.weight == 1 ? "" : "×\(Quantities.fixed(Double(run.weight), 2)) "
      return style.usesColor ? style.paint(weight + words, .green) : "⟦\(weight)\(words)⟧"
    }.joined()
  }

  /// The line above a row: where it stands, and its tokens.
  public func title(of row: TokenizedRow) -> String {
    let counts = "\(row.tokens.count) tokens, \(row.trainedTokens) trained"
    return style.paint(TerminalText.harmless(row.location.description), .bold)
      + style.paint("  \(counts)", .faint)
  }

  /// What became of the rows of a set: a line for each fact, labels first.
  /// - Parameter more: further facts, label and text; those without text are left out.
  public func facts(
    _ name: String, _ statistics: DatasetStatistics, more: [(String, String)] = []
  ) -> [String] {
    var rows = [
      (
        name,
        statistics.rows > statistics.rowsRead
          ? "\(Quantities.grouped(statistics.rows)) rows, cut out of"
            + " \(Quantities.grouped(statistics.rowsRead)) read"
          : "\(Quantities.grouped(statistics.rows)) of"
            + " \(Quantities.grouped(statistics.rowsRead)) rows read are kept"
      ),
      (
        "tokens",
        "\(Quantities.grouped(statistics.tokens)),"
          + " \(Quantities.share(Double(statistics.trainedTokens), of: Double(statistics.tokens)))"
          + " of them trained"
      ),
    ]
    rows += statistics.notes.map { ("", $0) } + more.filter { !$0.1.isEmpty }
    let indent = rows.map(\.0.count).max() ?? 0
    return rows.map { label, text in
      let gap = String(repeating: " ", count: indent - label.count)
      return "  " + style.paint(label + gap, .faint) + "  " + TerminalText.harmless(text)
    }
  }

  /// Shares of a whole in one line, at most six.
  public static func shares(_ shares: [(String, Double)]) -> String {
    let text = shares.prefix(6).map { "\($0.0) \(Quantities.share($0.1, of: 1))" }
    return text.joined(separator: ", ") + (shares.count > 6 ? ", …" : "")
  }

  /// The lengths of rows in one line: how many have up to 16 tokens, to 32, and so on.
  public static func lengths(_ statistics: DatasetStatistics) -> String {
    let buckets = statistics.lengthHistogram.filter { $0.rows > 0 }
    if buckets.isEmpty { return "" }
    return buckets.map { "≤\($0.lengths.upperBound): \(Quantities.grouped($0.rows))" }
      .joined(separator: "  ") + "  longest \(Quantities.grouped(statistics.longest))"
  }

  /// The lengths of rows as a chart of bars, a line a bucket.
  public func histogram(_ statistics: DatasetStatistics, columns: Int) -> [String] {
    let buckets = statistics.lengthHistogram
    let most = buckets.map(\.rows).max() ?? 0
    guard most > 0 else { return [] }
    let labels = buckets.map { "\($0.lengths.lowerBound)–\($0.lengths.upperBound)" }
    let counts = buckets.map { Quantities.grouped($0.rows) }
    let (indent, digits) = (labels.map(\.count).max() ?? 0, counts.map(\.count).max() ?? 0)
    let room = max(8, columns - indent - digits - 8)
    return buckets.indices.map { index in
      let bar = TerminalText.bar(Double(buckets[index].rows) / Double(most), columns: room)
      let label = String(repeating: " ", count: indent - labels[index].count) + labels[index]
      let gap = String(repeating: " ", count: digits - counts[index].count)
      return "  " + style.paint(label, .faint) + "  \(gap)\(counts[index])  "
        + style.paint(bar, .cyan)
    }
  }
}

extension TerminalText {
  /// A bar for a share of `columns`, to an eighth of a column; never nothing for more than nothing.
  static func bar(_ share: Double, columns: Int) -> String {
    let eighths = Int((share * Double(columns) * 8).rounded())
    let filled = share > 0 ? max(1, eighths) : 0
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    return String(repeating: "█", count: filled / 8) + parts[filled % 8]
  }
}
