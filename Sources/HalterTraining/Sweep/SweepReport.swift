import Foundation

/// The comparison of a sweep as one HTML page with nothing outside it but links to the reports of
/// its runs.
struct SweepReport {
  let name: String
  /// What was swept: the recipe.
  let title: String
  let entries: [SweepEntry]

  private var measure: String { entries.isValidated ? "validation loss" : "training loss" }

  /// The page, from its document type to its end.
  var page: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(HTMLText.escaped(name)) – Halter</title>
    <style>
    \(ReportStyle.sheet)</style>
    </head>
    <body>
    <main>
    <header>
    <p class="eyebrow">sweep</p>
    <h1>\(HTMLText.escaped(name))</h1>
    <p class="lead">\(HTMLText.escaped(title))</p>
    </header>
    \(tiles)\(entries.keys.map(figure).joined())\(table)\
    <footer>Made by Halter from the runs beside this page.</footer>
    </main>
    </body>
    </html>

    """
  }

  private var tiles: String {
    let finished = entries.filter { $0.ending == .finished }
    var tiles = [("Runs", "\(finished.count)", finished.count == entries.count ? "" : failures)]
    if let best = entries.best, let score = best.score {
      let values = best.settings.map(\.value).joined(separator: ", ")
      tiles.append(("Best \(measure)", Quantities.fixed(score, 4), "with \(values)"))
    }
    let seconds = entries.reduce(0) { $0 + $1.seconds }
    tiles.append(("Time", Quantities.duration(seconds), "in steps of all runs"))
    let items = tiles.map {
      "<div class=\"tile\"><dt>\($0.0)</dt><dd>\($0.1)</dd><p>\(HTMLText.escaped($0.2))</p></div>\n"
    }
    return "<dl class=\"tiles\">\n" + items.joined() + "</dl>\n"
  }

  private var failures: String {
    "and \(entries.count { $0.ending == .failed }) that failed"
  }

  // MARK: Charts

  /// The losses by the values of one key: each run, and the best run of each value.
  private func figure(_ key: (path: String, name: String)) -> String {
    let groups = groups(by: key.path)
    guard groups.contains(where: { !$0.runs.isEmpty }) else { return "" }
    let places = groups.enumerated()
    let every = places.flatMap { place, group in
      group.runs.map { point(place, $0.score) }
    }
    let best = places.map { place, group in point(place, group.runs.best?.score) }
    let last = places.map { place, group in point(place, group.runs.best?.lastLoss) }
    let values = (every + best + last).map(\.value)
    let isAlone = entries.keys.count == 1
    let chart = Chart(
      title: "\(measure) by \(key.path)", size: (920, 300),
      x: ChartAxis(categories: groups.map(\.value)), y: ChartAxis(holding: values),
      layers: [
        Chart.Layer(series: ChartSeries(every), mark: .dots, legend: isAlone ? nil : "each run"),
        Chart.Layer(
          series: ChartSeries(entries.isValidated ? last : []), mark: .line,
          legend: isAlone ? "at the end" : "at the end, of the best run"),
        Chart.Layer(
          series: ChartSeries(best), mark: .points,
          legend: entries.isValidated ? "best" : "training loss"),
      ],
      hints: places.map { place, group in
        (Double(place), "\(group.value): " + (group.runs.best.map(words) ?? "failed"))
      }, xLabel: key.path)
    return HTMLReport.section(
      "\(measure.prefix(1).uppercased() + measure.dropFirst()) by \(HTMLText.escaped(key.path))",
      "<figure>\(chart.svg)</figure>\n")
  }

  private func point(_ place: Int, _ value: Double?) -> ChartSeries.Point {
    ChartSeries.Point(step: Double(place), value: value ?? .nan)
  }

  /// The runs that finished with each value of a key, in the order of the sweep.
  private func groups(by key: String) -> [(value: String, runs: [SweepEntry])] {
    var groups: [(value: String, runs: [SweepEntry])] = []
    for entry in entries {
      guard let value = entry.settings.first(where: { $0.key == key })?.value else { continue }
      let runs = entry.ending == .finished ? [entry] : []
      if let index = groups.firstIndex(where: { $0.value == value }) {
        groups[index].runs += runs
      } else {
        groups.append((value, runs))
      }
    }
    return groups
  }

  private func words(_ entry: SweepEntry) -> String {
    var parts = ["\(measure) \(entry.score.map { Quantities.fixed($0, 4) } ?? "–")"]
    if let step = entry.bestStep { parts.append("at step \(step)") }
    if let last = entry.lastLoss { parts.append("\(Quantities.fixed(last, 4)) at the end") }
    return parts.joined(separator: ", ")
  }

  // MARK: Table

  /// All runs, the best first, the failed ones last.
  private var table: String {
    let sorted = entries.sorted { ($0.score ?? .infinity) < ($1.score ?? .infinity) }
    let best = entries.best?.run
    let losses = entries.isValidated ? ["before", "after", "best", "at step"] : []
    let heading = entries.keys.map(\.path) + losses + ["training loss", "steps", "time", "run"]
    let rows = sorted.map { entry in
      let mark = entry.run == best ? " <span class=\"state good\">best</span>" : ""
      let cells = values(of: entry).map { "<td>\($0)</td>" }.joined()
      return "<tr>\(cells)<td>\(link(to: entry))\(mark)</td></tr>\n"
    }
    return HTMLReport.section(
      "Runs",
      """
      <div class="scroll"><table class="numbers">
      <thead><tr>\(heading.map { "<th>\(HTMLText.escaped($0))</th>" }.joined())</tr></thead>
      <tbody>
      \(rows.joined())</tbody>
      </table></div>

      """)
  }

  private func values(of entry: SweepEntry) -> [String] {
    func loss(_ value: Double?) -> String { value.map { Quantities.fixed($0, 4) } ?? "–" }
    let settings = entry.settings.map { HTMLText.escaped($0.value) }
    let losses =
      entries.isValidated
      ? [
        loss(entry.firstLoss), loss(entry.lastLoss), loss(entry.bestLoss),
        entry.bestStep.map(Quantities.grouped) ?? "–",
      ] : []
    return settings + losses + [
      loss(entry.trainingLoss), Quantities.grouped(entry.steps),
      Quantities.duration(entry.seconds),
    ]
  }

  private func link(to entry: SweepEntry) -> String {
    if let reason = entry.reason {
      return "<span class=\"state warn\">failed</span> \(HTMLText.escaped(reason))"
    }
    let target = entry.run.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed)
    return "<a href=\"\(HTMLText.escaped(target ?? entry.run))/\(RunFiles.report)\">report</a>"
  }
}
