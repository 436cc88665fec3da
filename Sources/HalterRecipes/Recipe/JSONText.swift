/// JSON to be written with its members in the order in which they are given.
indirect enum JSONText: Sendable {
  typealias Member = (name: String, value: JSONText)

  case text(String)
  /// A number in JSON's own notation.
  case number(String)
  case flag(Bool)
  case list([JSONText])
  case object([Member])

  /// The value, indented by two spaces a level; what fits on a line of 100 characters is on one.
  var text: String { written(indent: "", before: 0) }

  /// The value behind `before` characters of its first line.
  private func written(indent: String, before: Int) -> String {
    let inner = indent + "  "
    switch self {
    case .text(let text): return Self.quoted(text)
    case .number(let digits): return digits
    case .flag(let flag): return flag ? "true" : "false"
    case .list(let items):
      return block(
        "[", "]", indent, before, items.map { ("", $0.written(indent: inner, before: 0)) })
    case .object(let members):
      return block(
        "{", "}", indent, before,
        members.map { member in
          let name = Self.quoted(member.name) + ": "
          return (name, member.value.written(indent: inner, before: name.count))
        })
    }
  }

  private func block(
    _ open: String, _ close: String, _ indent: String, _ before: Int,
    _ parts: [(name: String, value: String)]
  ) -> String {
    let texts = parts.map { $0.name + $0.value }
    let length = texts.reduce(indent.count + before + 2) { $0 + $1.count + 2 }
    if length <= 100, !texts.contains(where: { $0.contains("\n") }) {
      return open + texts.joined(separator: ", ") + close
    }
    let lines = texts.map { "\(indent)  \($0)" }
    return "\(open)\n\(lines.joined(separator: ",\n"))\n\(indent)\(close)"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{0}"..."\u{1F}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
