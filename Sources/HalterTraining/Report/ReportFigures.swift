import Foundation

/// The parts of the report that are numbers and words.
struct ReportFigures {
  let header: RunHeader
  let steps: [StepMetrics]
  let evaluations: [EvaluationMetrics]
  let summary: RunSummary?

  private var taken: [StepMetrics] { steps.filter { !$0.skipped } }
  private var seconds: Double { steps.reduce(0) { $0 + $1.seconds } }
  private var tokens: Int { steps.reduce(0) { $0 + $1.tokens } }
  private var lastStep: Int { steps.last?.step ?? header.resumedFrom ?? 0 }
  private var peakBytes: Int {
    max(summary?.peakResidentBytes ?? 0, steps.map(\.residentBytes).max() ?? 0)
  }

  var heading: String {
    let model = [header.model, header.adapter].compactMap(\.self).joined(separator: " · ")
    return """
      <header>
      <p class="eyebrow">\(HTMLText.escaped(header.method)) <span class="state \(state.kind)">\
      \(state.text)</span></p>
      <h1>\(HTMLText.escaped(header.name))</h1>
      <p class="lead">\(HTMLText.escaped(model))</p>
      </header>

      """
  }

  private var state: (kind: String, text: String) {
    let place = "step \(lastStep) of \(header.totalSteps)"
    switch summary?.ending {
    case .finished: return ("good", "finished")
    case .interrupted: return ("warn", "interrupted after \(place)")
    case nil: return ("warn", "\(place), not ended when this page was made")
    }
  }

  /// The key figures.
  var tiles: String {
    var tiles: [(label: String, value: String, note: String)] = []
    if let first = evaluations.first, let last = evaluations.last {
      let change = Quantities.change(from: first.loss, to: last.loss)
      let note =
        evaluations.count > 1
        ? "\(change) from \(Quantities.fixed(first.loss, 3))" : "at step \(last.step)"
      tiles.append(("Validation loss", Quantities.fixed(last.loss, 3), note))
      tiles.append(
        (
          last.meaning.label.capitalized, last.meaning.value,
          evaluations.count > 1 ? "from \(first.meaning.value)" : ""
        ))
    } else if let last = taken.last {
      tiles.append(("Training loss", Quantities.fixed(last.loss, 3), "at step \(last.step)"))
    }
    tiles.append(
      (
        "Steps", Quantities.grouped(lastStep),
        "of \(Quantities.grouped(header.totalSteps)), "
          + "\(Quantities.fixed(steps.last?.epoch ?? 0, 1)) epochs"
      ))
    if seconds > 0 {
      let speed = Int((Double(tokens) / seconds).rounded())
      tiles.append(
        ("Speed", Quantities.grouped(speed), "tokens per second"))
      tiles.append(("Time", Quantities.duration(seconds), "in steps"))
    }
    if peakBytes > 0 { tiles.append(("Peak memory", Quantities.bytes(peakBytes), "resident")) }
    let items = tiles.map {
      // A number and its unit stay on one line.
      let note = $0.note.replacing(" %", with: "&nbsp;%")
      return "<div class=\"tile\"><dt>\($0.label)</dt><dd>\($0.value)</dd><p>\(note)</p></div>\n"
    }
    return "<dl class=\"tiles\">\n" + items.joined() + "</dl>\n"
  }

  /// All evaluations, thinned to a readable number of rows.
  var evaluationTable: String {
    guard let first = evaluations.first, evaluations.count > 1 else { return "" }
    let best = evaluations.filter(\.loss.isFinite).min { $0.loss < $1.loss }?.step
    let stride = max(1, (evaluations.count + 39) / 40)
    let rows = evaluations.indices.filter {
      $0 % stride == 0 || $0 == evaluations.count - 1 || evaluations[$0].step == best
    }.map { index in
      let evaluation = evaluations[index]
      let mark = evaluation.step == best ? " <span class=\"state good\">best</span>" : ""
      let change =
        index == 0 ? "" : Quantities.change(from: first.loss, to: evaluation.loss)
      return "<tr><td>\(Quantities.grouped(evaluation.step))\(mark)</td>"
        + "<td>\(Quantities.fixed(evaluation.epoch, 2))</td>"
        + "<td>\(Quantities.fixed(evaluation.loss, 4))</td>"
        + "<td>\(evaluation.meaning.value)</td><td>\(change)</td></tr>\n"
    }
    return HTMLReport.section(
      "Evaluations",
      """
      <div class="scroll"><table class="numbers">
      <thead><tr><th>step</th><th>epoch</th><th>validation loss</th><th>\(first.meaning.label)</th>\
      <th>change</th></tr></thead>
      <tbody>
      \(rows.joined())</tbody>
      </table></div>

      """)
  }

  /// What ran where.
  var runTable: String {
    var rows = [("Model", header.model)]
    if let adapter = header.adapter { rows.append(("Adapter", adapter)) }
    rows.append(("Training", HeaderText.training(header)))
    rows.append(("Data", HeaderText.data(header)))
    rows += header.notes.map { ("", $0) }
    rows.append(("Tokens", header.tokens(Quantities.grouped)))
    if !header.lengths.isEmpty { rows.append(("Lengths", header.lengths)) }
    rows.append(("Steps", HeaderText.steps(header)))
    if tokens > 0 { rows.append(("Tokens so far", Quantities.grouped(tokens))) }
    let skipped = steps.filter(\.skipped).count
    if skipped > 0 { rows.append(("Skipped steps", "\(skipped), loss or gradient not finite")) }
    rows.append(("Device", header.device))
    rows.append(("Directory", header.directory))
    let items = rows.map {
      "<tr><th>\($0.0)</th><td>\(HTMLText.escaped($0.1))</td></tr>\n"
    }
    return HTMLReport.section(
      "Run", "<table class=\"facts\">\n<tbody>\n\(items.joined())</tbody>\n</table>\n")
  }
}
