import Foundation
import HalterData

/// Shows a run to a person: a header, a live line, evaluations and samples above it, and at the
/// end where everything is.
///
/// Away from a terminal it writes about fifty plain lines for the steps of a run, however many
/// there are, and no escape codes. Quiet, it writes warnings only.
public final class ConsoleObserver: RunObserver {
  let style: ConsoleStyle
  private let clock: () -> Double
  private let screen: LiveLine
  /// The model as a person would name it to a command; nil if the header must do.
  private let modelName: String?
  private var header: RunHeader?
  private var progress = RunProgress(total: 0, resumedFrom: nil)
  private var evaluations = EvaluationTrail()
  private var answers = AnswerTrail()
  private var lastSampleStep: Int?
  private var hasShownPace = false
  private var preparation: PreparationLine?
  private var lastPlainPreparation = 0.0
  /// How many plain lines the steps of a run take, about.
  static let plainLines = 50
  /// The time between two plain lines while rows are read, in seconds.
  static let plainInterval = 10.0

  /// A console.
  /// - Parameters:
  ///   - style: what may be written.
  ///   - modelName: what `--model` must be given to use the result, for the commands at the end.
  ///   - earlier: what a resumed run did before, to compare with.
  ///   - width: the columns of the terminal now; asked at each drawing, since windows change.
  ///   - clock: seconds from any fixed moment, never going back.
  ///   - sink: where the text goes, standard error as a rule.
  public init(
    style: ConsoleStyle, modelName: String? = nil, earlier: RunRecord = RunRecord(),
    width: @escaping () -> Int = { 80 }, clock: @escaping () -> Double,
    sink: @escaping (String) -> Void
  ) {
    self.style = style
    self.modelName = modelName
    self.clock = clock
    screen = LiveLine(isTerminal: style.isTerminal, width: width, clock: clock, sink: sink)
    for evaluation in earlier.evaluations { _ = evaluations.note(evaluation) }
    for sample in earlier.samples { answers.note(sample) }
  }

  /// Shows the event.
  public func observe(_ event: RunEvent) {
    if style.isQuiet {
      if case .warning(let text) = event { warn(text) }
      return
    }
    switch event {
    case .stage(let text): show(stage: text)
    case .preparing(let set, let progress): prepare(set, progress)
    case .note(let text): write([style.paint("  " + TerminalText.harmless(text), .faint)])
    case .started(let header): start(header)
    case .stepped(let metrics): step(metrics)
    case .evaluating(let done, let rows): draw("evaluating  \(done)/\(rows) rows")
    case .evaluated(let evaluation): show(evaluation)
    case .sampled(let sample): show(sample)
    case .saved(let url, _): show(saved: url)
    case .warning(let text): warn(text)
    case .ended(let summary): end(summary)
    }
  }

  /// Takes the live line off the screen, so that something else, such as an error, can be written.
  public func clear() { screen.clear() }
}

// MARK: - Writing

extension ConsoleObserver {
  private var columns: Int { screen.columns }

  private func write(_ lines: [String]) { screen.write(lines) }

  private func draw(_ text: String) { screen.draw(text) }

  private func drawProgress(always: Bool) {
    guard always || screen.isDue else { return }
    draw(ProgressLine(progress: progress).text(columns: columns, style: style))
  }

  private func warn(_ text: String) {
    write([style.paint("warning:", .yellow) + " " + TerminalText.harmless(text)])
  }

  private func show(stage: String) {
    let text = TerminalText.harmless(stage) + " …"
    if style.isTerminal { draw(text) } else { write([text]) }
  }
}

// MARK: - Events

extension ConsoleObserver {
  private func prepare(_ set: String, _ progress: PreparationProgress) {
    let time = clock()
    let line =
      preparation?.advanced(to: progress, of: set, at: time)
      ?? PreparationLine(set: set, progress: progress, at: time)
    preparation = line
    if style.isTerminal {
      if screen.isDue { draw(line.text(columns: columns, style: style)) }
    } else if time - max(line.began, lastPlainPreparation) >= ConsoleObserver.plainInterval {
      lastPlainPreparation = time
      write([line.plainText])
    }
  }

  private func start(_ header: RunHeader) {
    clear()
    self.header = header
    progress = RunProgress(total: header.totalSteps, resumedFrom: header.resumedFrom)
    write(HeaderText(header: header, style: style).lines)
  }

  private func step(_ metrics: StepMetrics) {
    progress.note(metrics, at: clock())
    if !metrics.skipped && !hasShownPace {
      hasShownPace = true
      showPace(metrics)
    }
    if style.isTerminal {
      drawProgress(always: metrics.step == progress.total)
    } else if isPlainStep(metrics.step), !metrics.skipped {
      write([ProgressLine(progress: progress).plainText(loss: metrics.loss)])
    }
  }

  /// Whether a step gets a line in a log: the first, the last, and evenly many between.
  private func isPlainStep(_ step: Int) -> Bool {
    let before = header?.resumedFrom ?? 0
    let count = max(1, progress.total - before)
    let interval = (count + ConsoleObserver.plainLines - 1) / ConsoleObserver.plainLines
    return step == before + 1 || step == progress.total || (step - before) % interval == 0
  }

  private func showPace(_ metrics: StepMetrics) {
    var parts = ["first step in \(Quantities.duration(metrics.seconds))"]
    if metrics.residentBytes > 0 {
      parts.append("\(Quantities.bytes(metrics.residentBytes)) of memory")
    }
    if let left = progress.secondsLeft, progress.step < progress.total {
      parts.append("about \(Quantities.duration(left)) to go")
    }
    write([style.paint("  " + parts.joined(separator: ", "), .faint)])
  }

  private func show(_ evaluation: EvaluationMetrics) {
    let isBest = evaluations.note(evaluation)
    var text = "  validation loss " + style.paint(Quantities.fixed(evaluation.loss, 4), .bold)
    text += "  \(evaluation.meaning.label) \(evaluation.meaning.value)"
    if let first = evaluations.first, first.step < evaluation.step {
      text += "  step \(evaluation.step)  "
      text += Quantities.change(from: first.loss, to: evaluation.loss)
      if isBest { text += style.paint("  best so far", .green) }
    } else {
      text += evaluation.step == 0 ? "  before training" : "  step \(evaluation.step)"
    }
    finishDetour(writing: [text])
  }

  private func show(_ sample: SampleText) {
    answers.note(sample)
    // The summary shows the last answers beside the first ones.
    if sample.step == progress.total,
      SummaryText.answers(answers).contains(where: {
        $0.last == sample
      })
    {
      return
    }
    var lines: [String] = []
    if lastSampleStep != sample.step {
      lastSampleStep = sample.step
      lines.append(
        style.paint(
          sample.step == 0 ? "  answers before training" : "  answers after step \(sample.step)",
          .faint))
    }
    lines.append("  " + style.paint("› " + AnswerTrail.oneLine(sample.prompt, columns - 4), .cyan))
    lines += AnswerTrail.shortened(sample, columns: columns - 4, lines: 6).map { "    " + $0 }
    finishDetour(writing: lines)
  }

  private func show(saved url: URL) {
    finishDetour(writing: [style.paint("  saved \(url.lastPathComponent)", .faint)])
  }

  /// Writes what came of something done between two steps, and goes back to the bar.
  private func finishDetour(writing lines: [String]) {
    clear()
    write(lines)
    if style.isTerminal && progress.step > (header?.resumedFrom ?? 0) { drawProgress(always: true) }
  }

  private func end(_ summary: RunSummary) {
    clear()
    write(
      SummaryText(
        summary: summary, header: header, modelName: modelName, answers: answers, style: style,
        columns: columns
      ).lines)
  }
}
