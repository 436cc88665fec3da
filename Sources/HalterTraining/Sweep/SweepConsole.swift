import HalterData

/// Shows a sweep to a person: a live line for the run at hand, and a line for each run that has
/// ended. Away from a terminal it writes plain lines only; quiet, warnings only.
public final class SweepConsole: RunObserver {
  private let style: ConsoleStyle
  private let clock: () -> Double
  private let screen: LiveLine
  private var label = ""
  private var progress = RunProgress(total: 0, resumedFrom: nil)
  private var loss: Double?
  private var preparation: PreparationLine?

  /// A console.
  /// - Parameters:
  ///   - style: what may be written.
  ///   - width: the columns of the terminal now.
  ///   - clock: seconds from any fixed moment, never going back.
  ///   - sink: where the text goes, standard error as a rule.
  public init(
    style: ConsoleStyle, width: @escaping () -> Int = { 80 }, clock: @escaping () -> Double,
    sink: @escaping (String) -> Void
  ) {
    self.style = style
    self.clock = clock
    screen = LiveLine(isTerminal: style.isTerminal, width: width, clock: clock, sink: sink)
  }

  /// A run begins, the `number`-th of `count`.
  public func begin(_ run: String, number: Int, of count: Int) {
    label = "\(number)/\(count)  \(TerminalText.harmless(run))"
    progress = RunProgress(total: 0, resumedFrom: nil)
    loss = nil
    guard !style.isQuiet else { return }
    if style.isTerminal { screen.draw(label) } else { screen.write([label]) }
  }

  /// The run that began last has ended.
  public func end(_ entry: SweepEntry) {
    screen.clear()
    if let reason = entry.reason {
      warn("\(label) failed: \(reason)")
      return
    }
    guard !style.isQuiet else { return }
    let score =
      entry.bestLoss.map { "validation loss \(Quantities.fixed($0, 4))" }
      ?? entry.trainingLoss.map { "training loss \(Quantities.fixed($0, 4))" } ?? "no loss"
    let step = entry.bestStep.map { " at step \($0)" } ?? ""
    screen.write(["\(label)  \(score)\(step)  \(Quantities.duration(entry.seconds))"])
  }

  /// Writes a line that stays.
  public func note(_ text: String) {
    screen.clear()
    if !style.isQuiet { screen.write([TerminalText.harmless(text)]) }
  }

  /// Shows what happens in the run at hand.
  public func observe(_ event: RunEvent) {
    switch event {
    case .warning(let text): warn("\(label): \(text)")
    case .started(let header):
      progress = RunProgress(total: header.totalSteps, resumedFrom: header.resumedFrom)
    case .stepped(let metrics):
      progress.note(metrics, at: clock())
      draw(always: metrics.step == progress.total)
    case .evaluated(let evaluation):
      loss = evaluation.loss
      draw(always: true)
    case .preparing(let set, let progress): prepare(set, progress)
    case .stage, .note, .evaluating, .sampled, .saved, .ended: break
    }
  }

  private func prepare(_ set: String, _ progress: PreparationProgress) {
    let line =
      preparation?.advanced(to: progress, of: set, at: clock())
      ?? PreparationLine(set: set, progress: progress, at: clock())
    preparation = line
    guard !style.isQuiet, screen.isDue else { return }
    let room = max(20, screen.columns - TerminalText.width(label) - 2)
    screen.draw(label + "  " + line.text(columns: room, style: style))
  }

  private func draw(always: Bool) {
    guard !style.isQuiet, always || screen.isDue else { return }
    let validation = loss.map { "  validation \(Quantities.fixed($0, 4))" } ?? ""
    let room = max(20, screen.columns - TerminalText.width(label + validation) - 2)
    let line = ProgressLine(progress: progress).text(columns: room, style: style)
    screen.draw(label + "  " + line + validation)
  }

  private func warn(_ text: String) {
    screen.write([style.paint("warning:", .yellow) + " " + TerminalText.harmless(text)])
  }
}
