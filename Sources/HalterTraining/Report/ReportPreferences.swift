/// The part of the report on how well the scores of a reward model agree with preferences.
struct ReportPreferences {
  /// The newest evaluation.
  let report: PreferenceReport
  /// When it was.
  let moment: String

  /// The newest evaluation that has such a report; nil where none has.
  init?(_ evaluations: [EvaluationMetrics]) {
    guard let last = evaluations.last(where: { $0.preferences != nil }),
      let report = last.preferences
    else { return nil }
    self.report = report
    moment = "Preferences after step \(Quantities.grouped(last.step))"
  }

  /// A report that belongs to no run.
  init(_ report: PreferenceReport) {
    self.report = report
    moment = "Preferences"
  }

  /// The sections, from what is asked first to what is asked last.
  var sections: String {
    "<div class=\"row two\">\n" + calibration + histogram + "</div>\n" + groups + facts
  }

  private var calibration: String {
    let points = report.calibration.map {
      ChartSeries.Point(step: $0.confidence, value: $0.accuracy.share ?? 0)
    }
    let perfect = ChartSeries([
      ChartSeries.Point(step: 0.5, value: 0.5), ChartSeries.Point(step: 1, value: 1),
    ])
    let low = min(0.5, points.map(\.value).min() ?? 0.5)
    let chart = Chart(
      title: "How often the model is right when it is how sure", size: (440, 300),
      x: ChartAxis(holding: [0.5, 1]), y: ChartAxis(holding: [low, 1]),
      layers: [
        Chart.Layer(series: perfect, mark: .raw, legend: "perfect"),
        Chart.Layer(series: ChartSeries(points), mark: .points, legend: "observed"),
      ],
      hints: report.calibration.map {
        (
          $0.confidence,
          "sure to \(Quantities.share($0.confidence, of: 1)): right in \($0.accuracy.words)"
        )
      }, xLabel: "probability that the higher answer is the better one")
    let error = Quantities.share(report.calibrationError, of: 1)
    return HTMLReport.section(
      "Calibration, expected error \(error)", "<figure>\(chart.svg)</figure>\n")
  }

  private var histogram: String {
    let outline = report.histogram.flatMap {
      [
        ChartSeries.Point(step: $0.low, value: Double($0.count)),
        ChartSeries.Point(step: $0.high, value: Double($0.count)),
      ]
    }
    let edges = report.histogram.flatMap { [$0.low, $0.high] }
    let chart = Chart(
      title: "Pairs by the margin of their scores", size: (440, 300),
      x: ChartAxis(holding: edges),
      y: ChartAxis(
        holding: outline.map(\.value), startsAtZero: true),
      layers: [Chart.Layer(series: ChartSeries(outline), mark: .line, legend: "pairs")],
      hints: report.histogram.map {
        (
          ($0.low + $0.high) / 2,
          "\(Quantities.short($0.low)) to \(Quantities.short($0.high)): \($0.count)"
        )
      }, xLabel: "score of the preferred answer less that of the other")
    return HTMLReport.section("Margins", "<figure>\(chart.svg)</figure>\n")
  }

  private var groups: String {
    var rows = ""
    for (title, groups) in [
      ("by preference", report.levels), ("the preferred answer is", report.lengths),
    ] where !groups.isEmpty {
      rows += "<tr><th>\(title)</th><th></th><th></th><th></th><th></th></tr>\n"
      rows += groups.map { group in
        "<tr><td>\(HTMLText.escaped(group.name))</td><td>\(group.accuracy.count)</td>"
          + "<td>\(Quantities.share(group.accuracy.share ?? 0, of: 1))</td>"
          + "<td>\(group.accuracy.intervalWords)</td>"
          + "<td>\(Quantities.fixed(group.margin, 3))</td></tr>\n"
      }.joined()
    }
    if rows.isEmpty { return "" }
    return HTMLReport.section(
      "Accuracy by kind of pair",
      """
      <div class="scroll"><table class="numbers">
      <thead><tr><th></th><th>pairs</th><th>accuracy</th><th>95 % confidence</th>\
      <th>mean margin</th></tr></thead>
      <tbody>
      \(rows)</tbody>
      </table></div>

      """)
  }

  private var facts: String {
    let rows = [
      ("Accuracy", report.accuracy.words),
      (
        "Scores",
        "mean \(Quantities.fixed(report.meanReward, 3)), from "
          + "\(Quantities.fixed(report.minReward, 3)) to \(Quantities.fixed(report.maxReward, 3))"
      ),
      (
        "Length",
        "correlation with the score \(Quantities.fixed(report.lengthCorrelation, 2)); the longer "
          + "answer scores higher in \(report.longerScored.words), and is preferred in "
          + report.longerPreferred.words
      ),
    ]
    return HTMLReport.section(
      moment,
      "<table class=\"facts\">\n<tbody>\n"
        + rows.map { "<tr><th>\($0.0)</th><td>\(HTMLText.escaped($0.1))</td></tr>\n" }.joined()
        + "</tbody>\n</table>\n")
  }
}
