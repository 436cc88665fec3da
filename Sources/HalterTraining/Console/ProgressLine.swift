/// The live line: a bar and the numbers of the run, as many as the width holds.
struct ProgressLine {
  let progress: RunProgress

  /// The line in at most `columns`.
  func text(columns: Int, style: ConsoleStyle) -> String {
    let fields = fields
    // What to do without, least needed first.
    for dropped in [[], ["grad"], ["grad", "lr"], ["grad", "lr", "speed"]] {
      let numbers = fields.filter { !dropped.contains($0.name) }.map(\.text)
        .joined(separator: "  ")
      let room = columns - TerminalText.width(numbers) - 2
      if room >= 8 {
        return ProgressBar.text(share: progress.share, columns: min(room, 30), style: style)
          + "  " + numbers
      }
    }
    let numbers = fields.filter { !["grad", "lr", "speed"].contains($0.name) }.map(\.text)
    return TerminalText.truncated(numbers.joined(separator: "  "), to: columns)
  }

  /// The same numbers for a line of a log.
  func plainText(loss: Double) -> String {
    let parts =
      ["step \(padded(progress.step))/\(progress.total)"]
      + ["epoch \(Quantities.fixed(progress.epoch, 2))", "loss \(Quantities.fixed(loss, 4))"]
      + fields.filter { ["lr", "grad", "speed", "left"].contains($0.name) }.map(\.text)
    return parts.joined(separator: "  ")
  }

  private var fields: [(name: String, text: String)] {
    var fields = [("step", "\(padded(progress.step))/\(progress.total)")]
    if let loss = progress.loss {
      fields.append(("loss", "loss \(Quantities.fixed(loss, 4))"))
      fields.append(("lr", "lr \(Quantities.learningRate(progress.learningRate))"))
      fields.append(("grad", "grad \(Quantities.short(progress.gradientNorm))"))
      fields.append(("speed", "\(ProgressLine.speed(progress.tokensPerSecond)) tok/s"))
    }
    if let left = progress.secondsLeft, progress.step < progress.total {
      fields.append(("left", "\(Quantities.duration(left)) left"))
    }
    return fields
  }

  private static func speed(_ tokensPerSecond: Double) -> String {
    let whole = Int(min(1e12, tokensPerSecond).rounded())
    return whole < 100_000 ? Quantities.grouped(whole) : Quantities.count(whole)
  }

  private func padded(_ step: Int) -> String {
    let digits = String(progress.total).count
    let text = String(step)
    return String(repeating: " ", count: max(0, digits - text.count)) + text
  }
}
