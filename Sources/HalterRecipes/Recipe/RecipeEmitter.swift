/// Writes values as recipe text that reads back as the same values.
struct RecipeEmitter {
  /// The method whose keys are written.
  let method: Method
  /// The comment behind the value of a key path, if any.
  let comment: (String) -> String?
  private(set) var lines: [String] = []

  init(method: Method, comment: @escaping (String) -> String?) {
    self.method = method
    self.comment = comment
  }

  /// Writes the keys of a section, one line or block each; `first` stands before the first key
  /// instead of the indentation: the dash of a list entry.
  mutating func write(
    _ section: [RecipeValue.Entry], path: String = "", indent: Int = 0, first: String? = nil
  ) {
    for (index, entry) in section.filter({ $0.methods.contains(method) }).enumerated() {
      let below = path.isEmpty ? entry.key : "\(path).\(entry.key)"
      let space = index == 0 ? first ?? Self.space(indent) : Self.space(indent)
      write(entry.value, key: space + entry.key + ":", path: below, indent: indent)
    }
  }

  private mutating func write(_ value: RecipeValue, key: String, path: String, indent: Int) {
    switch value {
    case .section(let entries):
      lines.append(key)
      write(entries, path: path, indent: indent + 2)
    case .list(let items) where items.contains(where: \.isSection):
      lines.append(key)
      for (index, item) in items.enumerated() {
        guard case .section(let entries) = item else { continue }
        write(
          entries, path: "\(path).\(index)", indent: indent + 4,
          first: Self.space(indent + 2) + "- ")
      }
    case .text, .word, .list:
      let comment = comment(path).map { "  # " + RecipePlace.printable($0) } ?? ""
      lines.append("\(key) \(Self.inline(value, for: method))\(comment)")
    }
  }

  private static func space(_ count: Int) -> String {
    String(repeating: " ", count: count)
  }

  /// `value` on one line, of its keys those of `method`.
  static func inline(_ value: RecipeValue, for method: Method) -> String {
    switch value {
    case .text(let text): return scalar(text)
    case .word(let word): return word
    case .list(let items):
      return "[" + items.map { inline($0, for: method) }.joined(separator: ", ") + "]"
    case .section(let entries):
      let shown = entries.filter { $0.methods.contains(method) }
        .map { "\($0.key): \(inline($0.value, for: method))" }
      return "{" + shown.joined(separator: ", ") + "}"
    }
  }

  /// `text` bare if every YAML reader takes it for text, else in double quotes.
  private static func scalar(_ text: String) -> String {
    let isWord = text.unicodeScalars.allSatisfy { scalar in
      scalar.isASCII
        && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
          || ["/", ".", "_", "-"].contains(scalar))
    }
    let first = text.unicodeScalars.first
    let isPathOrLetter = first.map { $0 == "/" || $0.properties.isAlphabetic } ?? false
    let reserved = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
    if isWord, isPathOrLetter, !reserved.contains(text.lowercased()) { return text }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\t": quoted += "\\t"
      default:
        quoted += needsEscape(scalar) ? escape(scalar) : String(scalar)
      }
    }
    return quoted + "\""
  }

  private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse: true
    default: scalar.value > 0xFFFF
    }
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
  }
}

extension RecipeValue {
  fileprivate var isSection: Bool {
    if case .section = self { return true }
    return false
  }
}
