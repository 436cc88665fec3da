/// How a run shows itself: to a person at a terminal, in a log, or hardly at all.
public struct ConsoleStyle: Sendable, Equatable {
  /// Whether the output is a terminal, on which a line can be redrawn in place.
  public var isTerminal: Bool
  /// Whether colours are wanted.
  public var usesColor: Bool
  /// Whether only warnings are shown.
  public var isQuiet: Bool

  /// A style from its parts.
  public init(isTerminal: Bool, usesColor: Bool, isQuiet: Bool = false) {
    self.isTerminal = isTerminal
    self.usesColor = usesColor
    self.isQuiet = isQuiet
  }

  /// The style that the environment asks for: no colour with `NO_COLOR` set to anything (see
  /// no-color.org) or away from a terminal, and plain lines on a terminal that is `dumb`.
  public init(environment: [String: String], isTerminal: Bool, isQuiet: Bool = false) {
    let isDumb = environment["TERM"] == "dumb"
    let refused = !(environment["NO_COLOR"] ?? "").isEmpty
    self.init(
      isTerminal: isTerminal && !isDumb, usesColor: isTerminal && !isDumb && !refused,
      isQuiet: isQuiet)
  }

  /// The width to lay lines out for: that of the terminal if it is known, else `COLUMNS`, else 80.
  public static func width(environment: [String: String], terminal: Int?) -> Int {
    for width in [terminal, environment["COLUMNS"].flatMap { Int($0) }] {
      if let width, width > 0 { return width }
    }
    return 80
  }

  /// A way to set off a piece of text.
  enum Emphasis: String {
    case bold = "1"
    case faint = "2"
    case green = "32"
    case yellow = "33"
    case cyan = "36"
  }

  /// The text with the emphasis, if colours are wanted.
  func paint(_ text: String, _ emphasis: Emphasis) -> String {
    usesColor && !text.isEmpty ? "\u{1B}[\(emphasis.rawValue)m\(text)\u{1B}[0m" : text
  }
}
