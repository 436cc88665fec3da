/// The charts of the report.
struct ReportCharts {
  let steps: [StepMetrics]
  let evaluations: [EvaluationMetrics]
  let totalSteps: Int
  /// Points that a line is drawn with at most; more could not be told apart.
  static let resolution = 800

  /// The loss of training and validation over the steps.
  var lossFigure: String {
    let raw = ChartSeries(steps, \.loss)
    let validation = ChartSeries(
      evaluations.map { ChartSeries.Point(step: Double($0.step), value: $0.loss) })
    guard !raw.points.isEmpty || !validation.points.isEmpty else {
      return HTMLReport.section("Loss", "<p class=\"empty\">No step has been taken yet.</p>\n")
    }
    let smooth = raw.smoothed(over: window)
    // A few outliers may leave the picture, so that they do not flatten the rest.
    let shown =
      validation.points.map(\.value)
      + [smooth.points.first?.value, raw.quantile(0.01), raw.quantile(0.985)].compactMap(\.self)
    let isSmoothed = raw.points.count > 2
    let chart = Chart(
      title: "Training and validation loss by step", size: (920, 380), x: xAxis,
      y: ChartAxis(holding: shown, tickCount: 6),
      layers: [
        Chart.Layer(
          series: raw.thinned(to: ReportCharts.resolution), mark: .raw,
          legend: isSmoothed ? "training, each step" : nil),
        Chart.Layer(
          series: smooth.thinned(to: ReportCharts.resolution), mark: .line,
          legend: isSmoothed ? "training, smoothed" : "training"),
        Chart.Layer(
          series: validation.thinned(to: 200), mark: .points, legend: "validation"),
      ],
      hints: hints(raw: raw, smooth: smooth))
    return HTMLReport.section("Loss", "<figure>\(chart.svg)</figure>\n")
  }

  /// Learning rate, gradient norm and speed, side by side.
  var smallFigures: String {
    guard steps.contains(where: { !$0.skipped }) else { return "" }
    let rate = ChartSeries(steps, \.learningRate)
    let norm = ChartSeries(steps, \.gradientNorm)
    let speed = ChartSeries(steps, \.tokensPerSecond)
    return "<div class=\"row\">\n"
      + small("Learning rate", rate, Quantities.learningRate)
      + small("Gradient norm", norm, Quantities.short)
      + small("Tokens per second", speed) { Quantities.count(Int($0.rounded())) } + "</div>\n"
  }

  private func small(
    _ title: String, _ series: ChartSeries, _ text: (Double) -> String
  ) -> String {
    let thin = series.thinned(to: 300)
    let top = series.quantile(0.99).map { [$0] } ?? []
    let stride = max(1, (thin.points.count + 59) / 60)
    let chart = Chart(
      title: title, size: (360, 170), x: ChartAxis(steps: stepRange, tickCount: 4),
      y: ChartAxis(holding: top, startsAtZero: true, tickCount: 3),
      layers: [Chart.Layer(series: thin, mark: .line, legend: nil)],
      hints: Swift.stride(from: 0, to: thin.points.count, by: stride).map {
        let point = thin.points[$0]
        return (point.step, "step \(Int(point.step)): \(text(point.value))")
      })
    return "<section>\n<h2>\(title)</h2>\n<figure>\(chart.svg)</figure>\n</section>\n"
  }

  private var window: Double { min(25, max(5, Double(steps.count) / 40)) }

  private var stepRange: ClosedRange<Int> {
    let all = steps.map(\.step) + evaluations.map(\.step)
    let low = all.min() ?? 0
    return min(low, low <= 1 ? 0 : low)...max(low, all.max() ?? 1)
  }

  private var xAxis: ChartAxis { ChartAxis(steps: stepRange) }

  /// What the pointer tells: the evaluations, and steps evenly between them.
  private func hints(raw: ChartSeries, smooth: ChartSeries) -> [(step: Double, text: String)] {
    var texts: [Int: String] = [:]
    let stride = max(1, (raw.points.count + 149) / 150)
    for index in Swift.stride(from: 0, to: raw.points.count, by: stride) {
      let step = Int(raw.points[index].step)
      texts[step] =
        "step \(step): training \(Quantities.fixed(raw.points[index].value, 4)), "
        + "smoothed \(Quantities.fixed(smooth.points[index].value, 4))"
    }
    let evaluationStride = max(1, (evaluations.count + 149) / 150)
    for index in Swift.stride(from: 0, to: evaluations.count, by: evaluationStride) {
      let step = evaluations[index].step
      let text = "validation \(Quantities.fixed(evaluations[index].loss, 4))"
      texts[step] = texts[step].map { "\($0), \(text)" } ?? "step \(step): \(text)"
    }
    return texts.sorted { $0.key < $1.key }.map { (Double($0.key), $0.value) }
  }
}
