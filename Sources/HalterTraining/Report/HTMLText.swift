/// Text from outside made harmless inside HTML and its attributes.
enum HTMLText {
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\n", "\t": result.unicodeScalars.append(scalar)
      case "\r": break
      // HTML has no way to write control characters.
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}": result.append("\u{FFFD}")
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A recipe with its comments set off.
  static func recipe(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      guard let start = commentStart(line) else { return escaped(String(line)) }
      return escaped(String(line[..<start]))
        + "<span class=\"comment\">" + escaped(String(line[start...])) + "</span>"
    }.joined(separator: "\n")
  }

  /// Where the YAML comment of a line begins: at a `#` that is first or follows a space, outside
  /// quotes. A block scalar may fool it, which costs a shade of grey.
  private static func commentStart(_ line: Substring) -> Substring.Index? {
    var quote: Character?
    var previous: Character = " "
    for index in line.indices {
      let character = line[index]
      if let open = quote {
        if character == open && previous != "\\" { quote = nil }
      } else if (character == "\"" || character == "'") && " [{,:".contains(previous) {
        quote = character
      } else if character == "#" && (previous == " " || previous == "\t") {
        return index
      }
      previous = character
    }
    return nil
  }
}
