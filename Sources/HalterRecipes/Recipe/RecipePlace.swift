/// A text that recipe values come from: a recipe file, or one `key.path=value` argument.
struct RecipeSource: Sendable, Equatable {
  /// What kind of text it is.
  enum Kind: Sendable, Equatable {
    /// A file, the `order`-th that was read, whose relative paths begin in `folder`.
    case file(folder: String, order: Int)
    /// The `index`-th of the overrides, counted from 0. `assignment` is the override itself, where
    /// the argument holds several.
    case argument(index: Int, assignment: String)
  }

  /// The file's name as a user would type it, or the whole argument.
  let name: String
  let kind: Kind
  /// The text, cut where YAML sees line breaks.
  let lines: [String]

  /// The recipe file `name` in `folder` with its `text`.
  init(file name: String, in folder: String, order: Int = 0, text: String) {
    self.name = name
    kind = .file(folder: folder, order: order)
    lines = Self.split(text)
  }

  /// The argument `text`, the `index`-th of them, as the source of one override.
  init(argument text: String, index: Int, assignment: String? = nil) {
    name = text
    kind = .argument(index: index, assignment: assignment ?? text)
    lines = [text]
  }

  var isArgument: Bool {
    if case .argument = kind { true } else { false }
  }

  /// The lines of `text`; YAML 1.1 breaks lines at CR, LF, CRLF, NEL, LS and PS.
  private static func split(_ text: String) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var previous: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      defer { previous = scalar }
      switch scalar {
      case "\n" where previous == "\r":
        continue
      case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}":
        lines.append(String(line))
        line = String.UnicodeScalarView()
      default:
        line.append(scalar)
      }
    }
    lines.append(String(line))
    return lines
  }
}

/// A stretch of one line of a recipe file, of one it extends, or of an override argument.
public struct RecipePlace: Sendable, Equatable, CustomStringConvertible {
  let source: RecipeSource
  /// The line, counted from 1.
  public let line: Int
  /// The column in Unicode scalars, counted from 1.
  public let column: Int
  /// How many Unicode scalars the caret marks, at least 1.
  let length: Int

  init(_ source: RecipeSource, line: Int, column: Int, length: Int = 1) {
    self.source = source
    self.line = max(1, line)
    self.column = max(1, column)
    self.length = max(1, length)
  }

  /// The override argument that holds this place, or `nil` if it is in a file.
  public var argument: String? {
    source.isArgument ? source.name : nil
  }

  /// `file:line:column`, or `argument "key=value"`.
  public var description: String {
    let name = Self.printable(source.name)
    return source.isArgument ? "argument \"\(name)\"" : "\(name):\(line):\(column)"
  }

  /// The line, cropped to what a terminal shows, with a caret and tildes below.
  var snippet: String {
    let number = source.isArgument ? " " : "\(line)"
    let margin = String(repeating: " ", count: number.count)
    let text = source.lines.indices.contains(line - 1) ? source.lines[line - 1] : ""
    let scalars = Array(text.unicodeScalars)
    let start = column > 60 && scalars.count > 96 ? min(column - 40, scalars.count) : 0
    let end = min(scalars.count, start + 96)
    let visible = String(String.UnicodeScalarView(scalars[start..<end]))
    let lead = start > 0 ? "…" : ""
    let shown = lead + Self.printable(visible) + (end < scalars.count ? "…" : "")
    let indent = String(repeating: " ", count: max(0, column - 1 - start) + lead.count)
    let tildes = max(0, min(length, scalars.count - column + 1, end - column + 1) - 1)
    let caret = indent + "^" + String(repeating: "~", count: tildes)
    return "  \(number) | \(shown)\n  \(margin) | \(caret)"
  }

  /// `text` with every control character replaced, so that it cannot steer a terminal.
  static func printable(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator, .format:
        result.append(scalar == "\t" ? " " : "\u{FFFD}")
      default:
        result.append(scalar)
      }
    }
    return String(result)
  }
}
