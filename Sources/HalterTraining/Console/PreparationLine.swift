import HalterData

/// The live line while the rows of a set are read: a bar, and how fast it goes.
struct PreparationLine {
  /// The set, as the recipe calls it.
  let set: String
  /// How far the pass over its files has come.
  private var progress: PreparationProgress
  /// When the pass began, in seconds of the clock.
  let began: Double
  private var now: Double

  /// The line of a pass that began at `time`, in seconds of any clock.
  init(set: String, progress: PreparationProgress, at time: Double) {
    self.set = set
    self.progress = progress
    began = time
    now = time
  }

  /// The line after an event: that of the same pass, further on, or that of a new one.
  func advanced(to progress: PreparationProgress, of set: String, at time: Double) -> Self {
    guard self.set == set, self.progress.phase == progress.phase else {
      return Self(set: set, progress: progress, at: time)
    }
    var line = self
    line.progress = progress
    line.now = time
    return line
  }

  /// The line in at most `columns`.
  func text(columns: Int, style: ConsoleStyle) -> String {
    let fields = fields
    for count in (1...fields.count).reversed() {
      let numbers = fields.prefix(count).joined(separator: "  ")
      let room = columns - TerminalText.width(numbers) - 2
      if room >= 8 {
        return ProgressBar.text(share: share, columns: min(room, 30), style: style) + "  " + numbers
      }
    }
    return TerminalText.truncated(fields[0], to: columns)
  }

  /// The same for a line of a log.
  var plainText: String {
    "\(Quantities.fixed(100 * share, 0)) %  " + fields.joined(separator: "  ")
  }

  private var share: Double {
    progress.bytesTotal > 0 ? Double(progress.bytesDone) / Double(progress.bytesTotal) : 0
  }

  /// What is done, then numbers, the ones that can best be done without last.
  private var fields: [String] {
    var fields: [String] = []
    switch progress.phase {
    case .checking: fields.append("checking \(set)")
    case .comparing: fields.append("comparing \(set) with training")
    case .tokenizing: fields.append("tokenising \(set)")
    }
    let seconds = now - began
    if seconds > 0, progress.bytesDone > 0 {
      let pace = Double(progress.bytesDone) / seconds
      let left = Double(max(0, progress.bytesTotal - progress.bytesDone)) / pace
      fields.append("\(Quantities.duration(left)) left")
      fields.append("\(Quantities.bytes(Int(pace)))/s")
    }
    if progress.rows > 0 { fields.append("\(Quantities.grouped(progress.rows)) rows") }
    let total = Quantities.bytes(progress.bytesTotal)
    fields.append("\(Quantities.bytes(progress.bytesDone)) of \(total)")
    return fields
  }
}
