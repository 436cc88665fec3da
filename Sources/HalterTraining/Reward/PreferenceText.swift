/// A report on preferences as text: a line for each fact, and tables of groups.
public struct PreferenceText {
  private let report: PreferenceReport

  /// The text of a report.
  public init(_ report: PreferenceReport) { self.report = report }

  /// The lines.
  public var lines: [String] {
    let facts = [
      ("accuracy", report.accuracy.words),
      ("loss", "\(Quantities.fixed(report.loss, 4)), of \(report.comparisons) comparisons"),
      (
        "scores",
        "mean \(Quantities.fixed(report.meanReward, 3)), "
          + "\(Quantities.fixed(report.minReward, 3)) to \(Quantities.fixed(report.maxReward, 3)); "
          + "mean margin \(Quantities.fixed(report.margin, 3))"
      ),
      ("calibration", "expected error \(Quantities.share(report.calibrationError, of: 1))"),
      (
        "length",
        "correlation with the score \(Quantities.fixed(report.lengthCorrelation, 2)); the longer "
          + "answer scores higher in \(report.longerScored.words), is preferred in "
          + report.longerPreferred.words
      ),
    ]
    return Self.aligned(facts.map { [$0.0, $0.1] })
      + table("by preference", report.levels) + table("by length", report.lengths)
      + calibration
  }

  private func table(_ title: String, _ groups: [PreferenceReport.Group]) -> [String] {
    if groups.isEmpty { return [] }
    return ["", title]
      + Self.aligned(
        groups.map {
          ["  " + $0.name, $0.accuracy.words, "margin " + Quantities.fixed($0.margin, 3)]
        })
  }

  private var calibration: [String] {
    ["", "how sure, and how often right"]
      + Self.aligned(
        report.calibration.map {
          ["  " + Quantities.share($0.confidence, of: 1), $0.accuracy.words]
        })
  }

  /// Rows of cells, each column as wide as its widest cell.
  private static func aligned(_ rows: [[String]]) -> [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.compactMap { $0.indices.contains(column) ? $0[column].count : nil }.max() ?? 0
    }
    return rows.map { row in
      row.enumerated().map { column, cell in
        column == row.count - 1
          ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
      }.joined(separator: "  ")
    }
  }
}
