/// Builds one JSON object on one line, keys in the order they are given.
///
/// The result is valid JSON whatever the values are: a number that is not finite becomes `null`.
struct JSONLine {
  private var body = ""

  mutating func add(_ key: String, _ value: String) {
    open(key)
    body += JSONLine.quoted(value)
  }

  mutating func add(_ key: String, _ value: Int) {
    open(key)
    body += String(value)
  }

  mutating func add(_ key: String, _ value: Bool) {
    open(key)
    body += value ? "true" : "false"
  }

  /// Writes the shortest digits that read back as the same number.
  mutating func add(_ key: String, _ value: Double) {
    open(key)
    body += value.isFinite ? value.description : "null"
  }

  /// The object and a line break.
  var text: String { "{" + body + "}\n" }

  private mutating func open(_ key: String) {
    if !body.isEmpty { body += ", " }
    body += JSONLine.quoted(key) + ": "
  }

  static func quoted(_ text: String) -> String {
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
