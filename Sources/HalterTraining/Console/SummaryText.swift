import Foundation

/// What the console says at the end of a run: how it went, where everything is, what to do next.
struct SummaryText {
  let summary: RunSummary
  let header: RunHeader?
  let modelName: String?
  let answers: AnswerTrail
  let style: ConsoleStyle
  let columns: Int

  var lines: [String] {
    var lines = [""] + answerLines
    lines.append(style.paint(title, summary.ending == .finished ? .green : .yellow))
    let rows = self.rows
    let indent = rows.map(\.label.count).max() ?? 0
    lines += rows.map { row in
      let gap = String(repeating: " ", count: indent - row.label.count)
      return "  " + style.paint(row.label + gap, .faint) + "  " + row.text
    }
    for step in nextCommands {
      lines += ["", step.purpose + ":", "  " + style.paint(step.command, .cyan)]
    }
    return lines
  }

  private var nextCommands: [(purpose: String, command: String)] {
    NextCommands(
      summary: summary, header: header, modelName: modelName, prompt: answers.pairs.first?.prompt
    ).all
  }

  private var title: String {
    let total = header?.totalSteps ?? summary.step
    let time = Quantities.duration(summary.seconds)
    switch summary.ending {
    case .finished:
      return "Finished \(summary.step) \(summary.step == 1 ? "step" : "steps") in \(time)"
    case .interrupted:
      return "Interrupted after step \(summary.step) of \(total), in \(time); all of it is saved"
    }
  }

  private var rows: [(label: String, text: String)] {
    var rows: [(String, String)] = []
    if let loss = lossText { rows.append(("validation loss", loss)) }
    if let preferences = summary.lastEvaluation?.preferences {
      rows.append(("accuracy", preferences.accuracy.words))
    }
    if summary.seconds > 0 {
      let speed = Int((Double(summary.tokens) / summary.seconds).rounded())
      rows.append(("speed", "\(Quantities.grouped(speed)) tokens/s, evaluations included"))
    }
    if summary.peakResidentBytes > 0 {
      rows.append(("peak memory", Quantities.bytes(summary.peakResidentBytes)))
    }
    if summary.skippedSteps > 0 {
      rows.append(("skipped steps", "\(summary.skippedSteps), loss or gradient not finite"))
    }
    let places = RunPlaces(summary: summary, header: header)
    rows.append(("run directory", places.directory))
    if let result = places.result {
      rows.append((header?.adapter == nil ? "model" : "adapter", result))
    }
    rows.append(("report", places.directory + "/" + RunFiles.report))
    return rows
  }

  private var lossText: String? {
    guard let last = summary.lastEvaluation else { return nil }
    let after = Quantities.fixed(last.loss, 4)
    guard let first = summary.firstEvaluation, first.step < last.step else { return after }
    var text = Quantities.fixed(first.loss, 4) + " → " + style.paint(after, .bold)
    text += "  (\(Quantities.change(from: first.loss, to: last.loss)))"
    if let best = summary.bestEvaluation, best.step != last.step {
      text += ", best \(Quantities.fixed(best.loss, 4)) at step \(best.step)"
    }
    return text
  }

  /// The prompts whose first and last answer the summary shows.
  static func answers(_ trail: AnswerTrail) -> [AnswerTrail.Pair] {
    Array(trail.pairs.filter { $0.first.step < $0.last.step }.prefix(4))
  }

  private var answerLines: [String] {
    SummaryText.answers(answers).flatMap { pair in
      [style.paint("› " + AnswerTrail.oneLine(pair.prompt, columns - 2), .cyan)]
        + labelled("before", pair.first) + labelled("after", pair.last) + [""]
    }
  }

  private func labelled(_ label: String, _ sample: SampleText) -> [String] {
    AnswerTrail.shortened(sample, columns: columns - 10, lines: 4).enumerated().map {
      let gap = String(repeating: " ", count: $0.offset == 0 ? 8 - label.count : 8)
      return "  " + ($0.offset == 0 ? style.paint(label, .faint) : "") + gap + $0.element
    }
  }
}

/// The places of a run as a person would type them: relative if the header has them so.
struct RunPlaces {
  let directory: String
  let result: String?

  init(summary: RunSummary, header: RunHeader?) {
    let root = summary.directory.standardizedFileURL.path
    var shown = header?.directory ?? root
    while shown.count > 1, shown.last == "/" { shown.removeLast() }
    directory = shown
    result = summary.result.map { url in
      let path = url.standardizedFileURL.path
      return path.hasPrefix(root + "/") ? shown + path.dropFirst(root.count) : path
    }
  }
}

/// The commands that use what a run made.
struct NextCommands {
  let summary: RunSummary
  let header: RunHeader?
  let modelName: String?
  /// A prompt worth trying; nil if the recipe names none.
  let prompt: String?

  var all: [(purpose: String, command: String)] {
    let places = RunPlaces(summary: summary, header: header)
    let directory = NextCommands.quoted(places.directory)
    guard summary.ending == .finished, let result = places.result else {
      let recipe = NextCommands.quoted(places.directory + "/" + RunFiles.recipe)
      return [("Go on where it stopped", "halter run \(recipe) --resume \(directory)")]
    }
    let model = modelName.map(NextCommands.quoted) ?? "MODEL"
    let adapter = NextCommands.quoted(result)
    let use =
      header?.adapter == nil ? "--model \(adapter)" : "--model \(model) --adapter \(adapter)"
    let merged = NextCommands.quoted(places.directory + "/merged")
    var commands =
      header?.method == "reward"
      ? [("Score answers", "halter score \(use) --input ROWS.jsonl")]
      : [
        (
          "Ask it something",
          "halter generate \(use) \(NextCommands.quoted(prompt ?? "What can you do?"))"
        ),
        ("Talk with it", "halter chat \(use)"),
      ]
    if header?.adapter != nil {
      commands.append(
        (
          "Take it away, merged into the model",
          "halter export \(directory) --merge --format safetensors --output \(merged)"
        ))
    }
    return commands
  }

  /// A word as a POSIX shell takes it.
  static func quoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "/._-+:@%,=".utf8.contains(byte)
      }
    }
    guard !plain || word.isEmpty else { return word }
    return "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }
}
