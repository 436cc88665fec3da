/// The last line of a terminal, redrawn in place below the lines that stay. Away from a terminal
/// there is none.
final class LiveLine {
  private let isTerminal: Bool
  private let width: () -> Int
  private let clock: () -> Double
  private let sink: (String) -> Void
  /// The text on the screen; nil when there is none.
  private var shown: String?
  private var lastDrawn = -Double.infinity
  /// The least time between two drawings of progress, in seconds.
  static let redrawInterval = 0.1

  init(
    isTerminal: Bool, width: @escaping () -> Int, clock: @escaping () -> Double,
    sink: @escaping (String) -> Void
  ) {
    self.isTerminal = isTerminal
    self.width = width
    self.clock = clock
    self.sink = sink
  }

  /// The columns that a line may take. The last is left free: terminals wrap when it is filled.
  var columns: Int { max(1, width() - 1) }

  /// Whether enough time has gone by for another drawing.
  var isDue: Bool { clock() - lastDrawn >= Self.redrawInterval }

  /// Draws the line over the one before.
  func draw(_ text: String) {
    guard isTerminal else { return }
    let line = text.contains("\u{1B}") ? text : TerminalText.truncated(text, to: columns)
    shown = line
    lastDrawn = clock()
    sink("\r" + line + "\u{1B}[K")
  }

  /// Writes lines that stay, above the live line if there is one.
  func write(_ lines: [String]) {
    let text = lines.joined(separator: "\n") + "\n"
    if let shown {
      sink("\r\u{1B}[K" + text + shown)
    } else {
      sink(text)
    }
  }

  /// Takes the line off the screen.
  func clear() {
    guard shown != nil else { return }
    shown = nil
    sink("\r\u{1B}[K")
  }
}
