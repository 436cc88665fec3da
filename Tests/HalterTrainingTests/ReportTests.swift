import Foundation
import HalterFormats
import Testing

@testable import HalterTraining

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct ReportTests {
  private func page(
    steps: [StepMetrics] = [], evaluations: [EvaluationMetrics] = [],
    samples: [SampleText] = [], summary: RunSummary? = nil, recipe: String = "method: sft\n",
    header: RunHeader = RunSample.header()
  ) -> String {
    HTMLReport.render(
      header: header, recipeText: recipe, steps: steps, evaluations: evaluations,
      samples: samples, summary: summary)
  }

  private func curve(_ count: Int) -> [StepMetrics] {
    (0..<count).map { RunSample.step($0 + 1, loss: 1 + exp(-Double($0) / 50)) }
  }

  @Test func aRunWithoutStepsHasAPage() {
    let html = page()
    #expect(html.contains("No step has been taken yet."))
    #expect(!html.contains("<svg"))
    #expect(html.contains("step 0 of 100, not ended when this page was made"))
  }

  @Test(arguments: [1, 2, 3, 50, 10_000])
  func runsOfAnyLengthAreDrawn(count: Int) {
    let html = page(
      steps: curve(count), evaluations: [RunSample.evaluation(0, loss: 2)],
      header: RunSample.header(steps: count))
    #expect(html.components(separatedBy: "<svg").count == 5)
    #expect(!html.contains("nan") && !html.contains("inf,"))
    #expect(html.utf8.count < 200_000)
  }

  @Test func lossesThatAreNotFiniteAreLeftOut() {
    var steps = curve(20)
    steps[3].loss = .nan
    steps[4].loss = .infinity
    steps[5].gradientNorm = .nan
    steps[6].skipped = true
    let html = page(
      steps: steps,
      evaluations: [RunSample.evaluation(0, loss: .nan), RunSample.evaluation(20, loss: 1)])
    #expect(!html.lowercased().contains("nan"))
    #expect(html.contains("1, loss or gradient not finite"))
  }

  @Test func onlyLossesThatAreNotFinite() {
    let html = page(steps: [RunSample.step(1, loss: .nan, skipped: true)])
    #expect(html.contains("No step has been taken yet."))
  }

  @Test func everythingFromOutsideIsEscaped() {
    let evil = "<script>alert(\"1\")</script>&'"
    let html = page(
      steps: curve(3), samples: [RunSample.sample(0, prompt: evil, text: evil)],
      recipe: "# " + evil + "\nkey: " + evil,
      header: RunSample.header(
        adapter: evil, notes: [evil], name: evil, directory: evil))
    #expect(!html.contains("<script"))
    #expect(html.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;"))
  }

  @Test func thePageNeedsNothingElse() {
    let html = page(
      steps: curve(30), evaluations: [RunSample.evaluation(0), RunSample.evaluation(30)],
      samples: [RunSample.sample(0), RunSample.sample(30)], summary: RunSample.summary())
    for outside in ["http:", "https:", "src=", "<link", "<script", "@import", "url("] {
      #expect(!html.contains(outside), "\(outside)")
    }
    #expect(html.contains("prefers-color-scheme: dark"))
  }

  @Test func thePageIsWellFormed() {
    let html = page(
      steps: curve(300), evaluations: [RunSample.evaluation(0), RunSample.evaluation(300)],
      samples: [0, 100, 200, 300].map { RunSample.sample($0, text: "a\u{0}<b>\n", stopped: false) },
      summary: RunSample.summary(), recipe: "a: \"#1\" # note\n")
    // Void elements aside, the page is XML.
    let xml =
      html.replacing("<!DOCTYPE html>", with: "")
      .replacing(/<meta[^>]*>/, with: "").replacing("&nbsp;", with: " ")
    let parser = XMLParser(data: Data(xml.trimmed.utf8))
    #expect(parser.parse(), "line \(parser.lineNumber)")
  }

  @Test func theFirstAndTheLastAnswerStandSideBySide() {
    let html = page(
      samples: [0, 20, 40].map { RunSample.sample($0, text: "answer at \($0)") })
    let before = html.range(of: "before training</p><blockquote>answer at 0")
    let after = html.range(of: "after step 40</p><blockquote>answer at 40")
    let between = html.range(of: "after step 20</p><blockquote>answer at 20")
    #expect(before != nil && after != nil && between != nil)
    #expect(html.contains("<summary>1 in between</summary>"))
  }

  @Test func theKeyFiguresAreThere() {
    let html = page(
      steps: curve(100),
      evaluations: [
        RunSample.evaluation(0, loss: 2.5), RunSample.evaluation(100, loss: 1.25),
      ], summary: RunSample.summary())
    #expect(html.contains("<dt>Validation loss</dt><dd>1.250</dd><p>−50.0&nbsp;% from 2.500</p>"))
    #expect(html.contains("<dt>Steps</dt><dd>100</dd>"))
    #expect(html.contains("<dt>Speed</dt><dd>1,000</dd>"))
    #expect(html.contains("<dt>Peak memory</dt><dd>1.50 GiB</dd>"))
    #expect(html.contains("<span class=\"state good\">finished</span>"))
  }

  @Test func theBestEvaluationIsMarked() {
    let html = page(evaluations: [
      RunSample.evaluation(0, loss: 2), RunSample.evaluation(10, loss: 1),
      RunSample.evaluation(20, loss: 1.5),
    ])
    #expect(html.contains("<td>10 <span class=\"state good\">best</span></td>"))
    #expect(html.components(separatedBy: ">best<").count == 2)
  }

  @Test func commentsOfTheRecipeAreSetOff() {
    #expect(
      HTMLText.recipe("# a\nb: \"#c\" # d\ne: f#g")
        == "<span class=\"comment\"># a</span>\nb: &quot;#c&quot; "
        + "<span class=\"comment\"># d</span>\ne: f#g")
  }

  @Test(arguments: [
    ([0.0, 1.0], 0.0, 1.0), ([1.13, 2.87], 1.0, 3.0), ([5, 5], 4.4, 5.6),
    ([0, 0], -1, 1), ([], 0, 1), ([-0.3, 0.42], -0.4, 0.6), ([.nan, 2, 4], 2, 4),
  ])
  func axesEndAtRoundNumbers(values: [Double], low: Double, high: Double) {
    let axis = ChartAxis(holding: values)
    #expect(abs(axis.low - low) < 1e-9)
    #expect(abs(axis.high - high) < 1e-9)
    #expect(axis.ticks.count >= 3 && axis.ticks.count <= 9)
  }

  @Test func ticksHaveTheDigitsTheyNeed() {
    let fine = ChartAxis(holding: [1.1, 1.4])
    #expect(fine.ticks.map(fine.label) == ["1.1", "1.2", "1.3", "1.4"])
    let rate = ChartAxis(holding: [2e-4], startsAtZero: true, tickCount: 2)
    #expect(rate.ticks.map(rate.label) == ["0", "1e-4", "2e-4"])
    let speed = ChartAxis(holding: [0, 40_000], tickCount: 2)
    #expect(speed.ticks.map(speed.label) == ["0", "20k", "40k"])
  }

  @Test func stepsHaveWholeTicks() {
    let axis = ChartAxis(steps: 0...3)
    #expect(axis.ticks == [0, 1, 2, 3])
    #expect(ChartAxis(steps: 0...381).ticks == [0, 50, 100, 150, 200, 250, 300, 350])
    #expect(ChartAxis(steps: 7...7).ticks == [7, 8])
  }

  @Test func smoothingKeepsAConstantAndALine() {
    let flat = ChartSeries((1...40).map { ChartSeries.Point(step: Double($0), value: 3) })
    #expect(flat.smoothed(over: 10).points.allSatisfy { abs($0.value - 3) < 1e-12 })
    let line = ChartSeries((1...200).map { ChartSeries.Point(step: Double($0), value: Double($0)) })
    #expect(abs(line.smoothed(over: 10).points[100].value - 101) < 1e-6)
  }

  @Test func thinningKeepsPeaksAndEnds() {
    var points = (1...10_000).map { ChartSeries.Point(step: Double($0), value: 1) }
    points[4321].value = 9
    points[7777].value = -9
    let thin = ChartSeries(points).thinned(to: 100).points
    #expect(thin.count <= 102)
    #expect(thin.first?.step == 1 && thin.last?.step == 10_000)
    #expect(thin.contains { $0.value == 9 } && thin.contains { $0.value == -9 })
    #expect(zip(thin, thin.dropFirst()).allSatisfy { $0.step < $1.step })
  }

  @Test func oneOutlierDoesNotFlattenTheCurve() {
    var steps = curve(300)
    steps[150].loss = 1000
    let axis = page(steps: steps).components(separatedBy: "</svg>")[0]
    let labels = axis.matches(of: /tick end[^>]*>([0-9.]+)</).map { String($0.1) }
    #expect(labels.first == "1.0")
    #expect(labels.compactMap(Double.init).max() ?? 0 < 3)
  }

  @Test func theReportOfAKilledRunIsMadeFromItsFiles() throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory)
      try log.observe(.started(RunSample.header()))
      try log.observe(.stepped(RunSample.step(1)))
      try log.observe(.sampled(RunSample.sample(0, text: "Hello there.")))
      try RunSample.append("method: sft # why\n", to: "recipe.yaml", in: directory)
      try RunSample.append("{\"event", to: "metrics.jsonl", in: directory)
      try HTMLReport.write(directory: directory)
      let html = try RunSample.text(directory, "report.html")
      #expect(html.contains("step 1 of 100, not ended"))
      #expect(html.contains("Hello there."))
      #expect(html.contains("method: sft <span class=\"comment\"># why</span>"))
    }
  }

  @Test func theReportIsMadeWithEachCheckpointAndAtTheEnd() throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory)
      let reports = ReportObserver(directory: directory)
      func tell(_ event: RunEvent) throws {
        try log.observe(event)
        try reports.observe(event)
      }
      let page = directory.appendingPathComponent("report.html").path
      try tell(.started(RunSample.header()))
      try tell(.stepped(RunSample.step(1)))
      #expect(!FileManager.default.fileExists(atPath: page))
      try tell(.saved(directory.appendingPathComponent("checkpoints/step-1"), step: 1))
      #expect(try RunSample.text(directory, "report.html").contains("step 1 of 100, not ended"))
      try tell(.ended(RunSample.summary(step: 1, directory: directory)))
      #expect(try RunSample.text(directory, "report.html").contains(">finished<"))
    }
  }

  @Test func aDirectoryThatIsNoRunIsAnError() throws {
    try RunSample.withDirectory { directory in
      let error = #expect(throws: FormatError.self) { try HTMLReport.write(directory: directory) }
      #expect(error?.code == .notFound)
      #expect(error?.message == "there is no run.json")
    }
  }
}
