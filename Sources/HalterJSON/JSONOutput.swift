/// A value to be written as JSON, keys in the order they are given.
public indirect enum JSONOutput: Sendable, Equatable {
  /// Text.
  case string(String)
  /// A number; one that is not finite is written as null.
  case number(Double)
  /// A whole number.
  case integer(Int)
  /// A truth value.
  case bool(Bool)
  /// Values in order.
  case array([JSONOutput])
  /// Keys with their values.
  case object([Member])
  /// JSON that was written before, as it is.
  case verbatim(String)

  /// A key and its value.
  public struct Member: Sendable, Equatable {
    /// The key.
    public let key: String
    /// The value.
    public let value: JSONOutput

    /// A key and its value.
    public init(_ key: String, _ value: JSONOutput) {
      self.key = key
      self.value = value
    }
  }

  /// The value on one line. Numbers have the shortest digits that read back as the same.
  public var text: String {
    switch self {
    case .string(let text): Self.quoted(text)
    case .number(let value): value.isFinite ? value.description : "null"
    case .integer(let value): String(value)
    case .bool(let value): value ? "true" : "false"
    case .array(let items): "[" + items.map(\.text).joined(separator: ", ") + "]"
    case .object(let members):
      "{"
        + members.map { Self.quoted($0.key) + ": " + $0.value.text }.joined(separator: ", ") + "}"
    case .verbatim(let text): text
    }
  }

  /// The value over several lines, indented by two spaces a level, for people to read; what fits on
  /// a line of 100 characters is on one.
  public var indented: String { written(indent: "", before: 0) }

  /// The value behind `before` characters of its first line.
  private func written(indent: String, before: Int) -> String {
    let inner = indent + "  "
    switch self {
    case .string, .number, .integer, .bool, .verbatim: return text
    case .array(let items):
      return Self.block(
        "[", "]", indent, before, items.map { $0.written(indent: inner, before: 0) })
    case .object(let members):
      return Self.block(
        "{", "}", indent, before,
        members.map { member in
          let name = Self.quoted(member.key) + ": "
          return name + member.value.written(indent: inner, before: name.count)
        })
    }
  }

  private static func block(
    _ open: String, _ close: String, _ indent: String, _ before: Int, _ parts: [String]
  ) -> String {
    let length = parts.reduce(indent.count + before + 2) { $0 + $1.count + 2 }
    if length <= 100, !parts.contains(where: { $0.contains("\n") }) {
      return open + parts.joined(separator: ", ") + close
    }
    let lines = parts.map { "\(indent)  \($0)" }
    return "\(open)\n\(lines.joined(separator: ",\n"))\n\(indent)\(close)"
  }

  /// A JSON string.
  public static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      // Controls, and the two separators that some readers take for the end of a line.
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
