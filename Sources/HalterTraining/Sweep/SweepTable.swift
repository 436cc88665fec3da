/// The runs of a sweep side by side, for a terminal.
public struct SweepTable {
  private let entries: [SweepEntry]
  private let style: ConsoleStyle

  /// A table of the runs that have ended.
  public init(entries: [SweepEntry], style: ConsoleStyle) {
    self.entries = entries
    self.style = style
  }

  /// The table as lines: a heading, and a line for each run in the order of the sweep.
  public var lines: [String] {
    guard !entries.isEmpty else { return [] }
    let best = entries.best?.run
    let table = [heading] + entries.map(cells)
    let widths = heading.indices.map { column in
      table.map { TerminalText.width($0[column]) }.max() ?? 0
    }
    return table.enumerated().map { index, row in
      let entry = index == 0 ? nil : entries[index - 1]
      var line = zip(row, widths).enumerated().map { column, cell in
        // What was varied is read from the left, numbers are compared from the right.
        let space = String(repeating: " ", count: cell.1 - TerminalText.width(cell.0))
        return column < keys.count ? cell.0 + space : space + cell.0
      }.joined(separator: "  ")
      if let reason = entry?.reason {
        let values = zip(row, widths).prefix(keys.count).map { text, width in
          text + String(repeating: " ", count: width - TerminalText.width(text))
        }.joined(separator: "  ")
        line = values + "  failed: " + TerminalText.harmless(reason).replacing("\n", with: " ")
      }
      if entry == nil { return style.paint(line, .faint) }
      return entry?.run == best ? style.paint(line + "  best", .green) : line
    }
  }

  private var keys: [(path: String, name: String)] { entries.keys }

  private var heading: [String] {
    let losses = entries.isValidated ? ["before", "after", "best", "at step"] : []
    return keys.map(\.name) + losses + ["training", "steps", "time", "tok/s"]
  }

  private func cells(of entry: SweepEntry) -> [String] {
    func loss(_ value: Double?) -> String { value.map { Quantities.fixed($0, 4) } ?? "–" }
    let values = entry.settings.map { TerminalText.truncated($0.value, to: 40) }
    let losses =
      entries.isValidated
      ? [
        loss(entry.firstLoss), loss(entry.lastLoss), loss(entry.bestLoss),
        entry.bestStep.map(String.init) ?? "–",
      ] : []
    let speed = entry.seconds > 0 ? Int((Double(entry.tokens) / entry.seconds).rounded()) : 0
    return values + losses + [
      loss(entry.trainingLoss), Quantities.grouped(entry.steps),
      Quantities.duration(entry.seconds), Quantities.grouped(speed),
    ]
  }
}
