/// What the console says about a run before its first step.
struct HeaderText {
  let header: RunHeader
  let style: ConsoleStyle

  var lines: [String] {
    let rows = self.rows
    let indent = rows.map(\.label.count).max() ?? 0
    return [style.paint(header.name, .bold) + style.paint("  \(header.method)", .faint)]
      + rows.map { row in
        let gap = String(repeating: " ", count: indent - row.label.count)
        return "  " + style.paint(row.label + gap, .faint) + "  " + TerminalText.harmless(row.text)
      } + [""]
  }

  private var rows: [(label: String, text: String)] {
    var rows = [("model", header.model)]
    if let adapter = header.adapter { rows.append(("adapter", adapter)) }
    rows.append(("training", HeaderText.training(header)))
    rows.append(("data", HeaderText.data(header)))
    rows += header.notes.map { ("", $0) }
    rows.append(("tokens", header.tokens(Quantities.count)))
    if !header.lengths.isEmpty { rows.append(("lengths", header.lengths)) }
    rows.append(("steps", HeaderText.steps(header)))
    rows.append(("device", header.device))
    rows.append(("directory", header.directory))
    return rows
  }

  static func training(_ header: RunHeader) -> String {
    let all = Quantities.count(header.weightCount)
    if header.adapter == nil { return "all \(all) weights" }
    let share = Quantities.share(Double(header.trainableCount), of: Double(header.weightCount))
    return "\(Quantities.count(header.trainableCount)) parameters, "
      + "\(share) of the model's \(all) weights"
  }

  static func data(_ header: RunHeader) -> String {
    let layouts = header.layouts.isEmpty ? "" : " (\(header.layouts.joined(separator: ", ")))"
    let rows = "\(Quantities.grouped(header.trainRows)) rows\(layouts)"
    guard header.validationRows > 0 else { return rows + ", none for validation" }
    return rows + ", \(Quantities.grouped(header.validationRows)) more for validation"
  }

  static func steps(_ header: RunHeader) -> String {
    var epochs = Quantities.fixed(header.epochs, 2)
    while epochs.contains("."), epochs.last == "0" || epochs.last == "." { epochs.removeLast() }
    var text = "\(Quantities.grouped(header.totalSteps)) in \(epochs) "
    text += epochs == "1" ? "epoch" : "epochs"
    if let step = header.resumedFrom { text += ", resumed after step \(step)" }
    return text
  }
}
