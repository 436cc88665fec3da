import Foundation
import HalterFormats
import Testing

@testable import HalterTraining

/// Sweeps side by side.
@Suite struct SweepTests {
  static func record(_ losses: [Double], training: [Double] = [2, 1]) -> RunRecord {
    RunRecord(
      steps: training.enumerated().map { index, loss in
        StepMetrics(
          step: index + 1, epoch: 0, loss: loss, learningRate: 1, gradientNorm: 1, tokens: 100,
          trainedTokens: 50, seconds: 0.5, residentBytes: 1, skipped: !loss.isFinite)
      },
      evaluations: losses.enumerated().map { index, loss in
        EvaluationMetrics(step: index * 5, epoch: 0, loss: loss, trainedTokens: 1, seconds: 0)
      })
  }

  static func entry(
    _ run: String, _ values: [(String, String)], _ record: RunRecord, reason: String? = nil
  ) -> SweepEntry {
    SweepEntry(
      run: run, settings: values.map { SweepEntry.Setting(key: $0.0, value: $0.1) },
      record: record, reason: reason, recipe: "abc")
  }

  static let entries = [
    entry("rank=4", [("adapter.rank", "4")], record([4, 3, 3.5])),
    entry("rank=8", [("adapter.rank", "8")], record([4, 3.2, 2.5])),
    entry("rank=<b>", [("adapter.rank", "<b>")], record([4]), reason: "it <diverged>.\nLower it"),
  ]

  private let plain = ConsoleStyle(isTerminal: false, usesColor: false)

  @Test func anEntryTellsWhatTheRunRecords() {
    let entry = Self.entries[0]
    #expect(entry.firstLoss == 4)
    #expect(entry.lastLoss == 3.5)
    #expect(entry.bestLoss == 3)
    #expect(entry.bestStep == 5)
    #expect(entry.trainingLoss == 1.5)
    #expect(entry.steps == 2)
    #expect(entry.seconds == 1)
    #expect(entry.tokens == 200)
    #expect(entry.score == 3)
  }

  @Test func whatIsNotFiniteIsNotCompared() {
    let entry = Self.entry("a", [], Self.record([4, .nan], training: [2, .nan, .infinity]))
    #expect(entry.bestLoss == nil)
    #expect(entry.trainingLoss == 2)
    #expect(entry.score == 2)
    #expect(Self.entries[2].score == nil)
  }

  @Test func theTableMarksTheBestAndSaysWhyOneFailed() {
    #expect(
      SweepTable(entries: Self.entries, style: plain).lines == [
        "rank  before   after    best  at step  training  steps   time  tok/s",
        "4     4.0000  3.5000  3.0000        5    1.5000      2  1.0 s    200",
        "8     4.0000  2.5000  2.5000       10    1.5000      2  1.0 s    200  best",
        "<b>   failed: it <diverged>. Lower it",
      ])
    #expect(SweepTable(entries: [], style: plain).lines.isEmpty)
  }

  @Test func withoutValidationTheTrainingLossCounts() {
    let entries = [
      Self.entry("a", [("x.a", "1"), ("y.a", "2")], Self.record([], training: [3])),
      Self.entry("b", [("x.a", "2"), ("y.a", "2")], Self.record([], training: [2])),
    ]
    #expect(
      SweepTable(entries: entries, style: plain).lines == [
        "x.a  y.a  training  steps    time  tok/s",
        "1    2      3.0000      1  0.50 s    200",
        "2    2      2.0000      1  0.50 s    200  best",
      ])
  }

  @Test func thePageIsHarmlessAndWhole() {
    let page = SweepReport(name: "s & t", title: "<r>.yaml", entries: Self.entries).page
    #expect(page.contains("<h1>s &amp; t</h1>"))
    #expect(page.contains("&lt;r&gt;.yaml"))
    #expect(!page.contains("<b>"))
    #expect(page.contains("and 1 that failed"))
    #expect(page.contains("Validation loss by adapter.rank"))
    #expect(page.contains("href=\"rank=8/report.html\""))
    #expect(page.components(separatedBy: "<svg").count == 2)
    #expect(page.hasSuffix("</html>\n"))
    // The best comes first.
    let places = ["rank=8/report", "rank=4/report", "it &lt;diverged&gt;"].map {
      page.range(of: $0)?.lowerBound
    }
    #expect(places == places.compactMap { $0 }.sorted().map { $0 })
  }

  @Test func aSweepWithoutAResultHasAPage() {
    let page = SweepReport(name: "s", title: "r", entries: [Self.entries[2]]).page
    #expect(!page.contains("<svg"))
    #expect(SweepReport(name: "s", title: "r", entries: []).page.hasSuffix("</html>\n"))
  }

  @Test func entriesReadBack() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "sweep-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try SweepLog.write(Self.entries, title: "r.yaml", to: folder)
    #expect(try SweepLog.read(folder) == Self.entries)
    try Data("{}\n".utf8).write(to: folder.appending(path: SweepLog.entries))
    let thrown = #expect(throws: FormatError.self) { try SweepLog.read(folder) }
    #expect(thrown?.description.contains("line 1 cannot be read") == true)
    #expect(throws: FormatError.self) { try SweepLog.read(folder.appending(path: "none")) }
  }

  @Test func theConsoleSaysALinePerRun() {
    var text = ""
    let console = SweepConsole(style: plain, clock: { 0 }, sink: { text += $0 })
    console.begin("rank=4", number: 1, of: 2)
    console.observe(.warning("careful"))
    console.end(Self.entries[0])
    console.begin("rank=<b>", number: 2, of: 2)
    console.end(Self.entries[2])
    #expect(
      text == """
        1/2  rank=4
        warning: 1/2  rank=4: careful
        1/2  rank=4  validation loss 3.0000 at step 5  1.0 s
        2/2  rank=<b>
        warning: 2/2  rank=<b> failed: it <diverged>.
        Lower it

        """)
  }

  @Test func quietSaysWarningsOnly() {
    var text = ""
    let style = ConsoleStyle(isTerminal: true, usesColor: false, isQuiet: true)
    let console = SweepConsole(style: style, clock: { 0 }, sink: { text += $0 })
    console.begin("a", number: 1, of: 1)
    console.observe(.stepped(Self.record([]).steps[0]))
    console.note("done")
    console.end(Self.entries[0])
    #expect(text == "")
    console.end(Self.entries[2])
    #expect(text.hasPrefix("warning: "))
  }

  @Test func onATerminalALineIsRedrawn() {
    var text = ""
    let style = ConsoleStyle(isTerminal: true, usesColor: false)
    let console = SweepConsole(style: style, clock: { 0 }, sink: { text += $0 })
    console.begin("a", number: 1, of: 1)
    #expect(text == "\r1/1  a\u{1B}[K")
    console.observe(
      .evaluated(
        EvaluationMetrics(step: 0, epoch: 0, loss: 2, trainedTokens: 1, seconds: 0)))
    #expect(text.hasSuffix("validation 2.0000\u{1B}[K"))
    console.end(Self.entries[0])
    #expect(text.hasSuffix("\r\u{1B}[K1/1  a  validation loss 3.0000 at step 5  1.0 s\n"))
  }
}
