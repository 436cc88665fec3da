/// How a value of one type is written in a recipe: its words for people, its reader, its writer.
/// A schema is a table of codecs, so that what is documented, read and written is one thing.
struct RecipeCodec<Value: Sendable>: Sendable {
  /// What to write, in words: `a whole number from 1 to 4096`.
  let type: String
  /// What may lie below the value, for overrides, documentation and editors.
  let shape: RecipeShape
  /// True if `null` is a value rather than a forgotten one.
  let acceptsNull: Bool
  private let decode: @Sendable (RecipeNode, inout RecipeDecoding) -> Value?
  /// The value as recipe text that `read` turns into an equal value.
  let encode: @Sendable (Value) -> RecipeValue

  /// A codec of a value without keys of its own.
  init(
    _ type: String, _ grammar: RecipeGrammar,
    encode: @escaping @Sendable (Value) -> RecipeValue,
    decode: @escaping @Sendable (RecipeNode, inout RecipeDecoding) -> Value?
  ) {
    self.init(type, .leaf(grammar), encode: encode, decode: decode)
  }

  init(
    _ type: String, _ shape: RecipeShape, acceptsNull: Bool = false,
    encode: @escaping @Sendable (Value) -> RecipeValue,
    decode: @escaping @Sendable (RecipeNode, inout RecipeDecoding) -> Value?
  ) {
    self.type = type
    self.shape = shape
    self.acceptsNull = acceptsNull
    self.decode = decode
    self.encode = encode
  }

  /// The value of `node`, or `nil` after a report.
  func read(_ node: RecipeNode, _ decoding: inout RecipeDecoding) -> Value? {
    if node.content == .refused {
      decoding.skip()
      return nil
    }
    if node.isNull, !acceptsNull {
      decoding.report("no value is given: write \(type), or delete the key", at: node.place)
      return nil
    }
    return decode(node, &decoding)
  }
}

/// A value on its way into recipe text.
indirect enum RecipeValue: Sendable {
  /// Text, quoted where it must be.
  case text(String)
  /// A number, a truth value, `null` or a word of a closed list: written as it is.
  case word(String)
  case list([RecipeValue])
  /// Keys with their values, for all methods: a writer takes those of one.
  case section([Entry])

  /// A key with its value, and the methods that have it.
  struct Entry: Sendable {
    let key: String
    let value: RecipeValue
    let methods: [Method]
  }

  static let null = RecipeValue.word("null")
}

/// A closed list of words that a key may have.
protocol RecipeChoice: RawRepresentable<String>, CaseIterable, Sendable {
  /// What to write for words that other tools have.
  static var elsewhere: [String: String] { get }
}

extension RecipeChoice {
  static var elsewhere: [String: String] { [:] }
}

/// `a`, `a or b`, `a, b or c`.
func alternatives(_ words: [String]) -> String {
  guard let last = words.last else { return "" }
  let rest = words.dropLast()
  return rest.isEmpty ? last : rest.joined(separator: ", ") + " or " + last
}

extension RecipeCodec where Value: RecipeChoice {
  /// One word of a closed list, of all that the type has or of `values`.
  static func choice(among values: [Value] = Array(Value.allCases)) -> RecipeCodec {
    let words = values.map(\.rawValue)
    return RecipeCodec(alternatives(words), .words(words)) {
      .word($0.rawValue)
    } decode: { node, decoding in
      guard case .scalar(let text, _) = node.content else {
        decoding.expected(alternatives(words), found: node)
        return nil
      }
      let value = Value(rawValue: text)
      if words.contains(text) { return value }
      var mend =
        Value.elsewhere[text].map { "write \($0)" }
        ?? Suggestion.nearest(to: text, among: words).map { "did you mean \"\($0)\"?" }
      if value != nil, let method = decoding.method {
        mend = "it is not for method \(method.rawValue)"
      }
      decoding.expected(alternatives(words), found: node, mend: mend)
      return nil
    }
  }
}

extension RecipeCodec where Value == String {
  /// Any text but the empty one.
  static func text(_ type: String = "text") -> RecipeCodec {
    RecipeCodec(type, .text) {
      .text($0)
    } decode: { node, decoding in
      if case .scalar(let text, _) = node.content, !text.isEmpty { return text }
      var mend: String?
      if case .mapping = node.content { mend = "text with a colon in it stands in quotes" }
      decoding.expected(type, found: node, mend: mend)
      return nil
    }
  }
}

extension RecipeCodec where Value == Bool {
  /// `true` or `false`, and no other spelling.
  static let flag = RecipeCodec("true or false", .flag) {
    .word($0 ? "true" : "false")
  } decode: {
    node, decoding in
    guard case .scalar(let text, let quoted) = node.content else {
      decoding.expected("true or false", found: node)
      return nil
    }
    switch text {
    case "true" where !quoted: return true
    case "false" where !quoted: return false
    default: break
    }
    switch text.lowercased() {
    case "true", "false":
      let mend = quoted ? "remove the quotes" : "write \(text.lowercased())"
      decoding.expected("true or false", found: node, mend: mend)
    case "yes", "on", "y", "1":
      decoding.expected(
        "true or false", found: node, mend: "only some YAML readers take it for true: write true")
    case "no", "off", "n", "0":
      decoding.expected(
        "true or false", found: node, mend: "only some YAML readers take it for false: write false")
    default:
      decoding.expected("true or false", found: node)
    }
    return nil
  }
}

extension RecipeCodec {
  /// A list of `element`s; `lone` lets a single one stand without brackets.
  static func list<Element: Sendable>(
    of element: RecipeCodec<Element>, _ type: String, lone: Bool = false, minimum: Int = 0
  ) -> RecipeCodec where Value == [Element] {
    RecipeCodec(type, .list(of: element.shape, isLone: lone, minimum: minimum)) {
      .list($0.map(element.encode))
    } decode: { node, decoding in
      let items: [RecipeNode]
      switch node.content {
      case .list(let entries): items = entries
      case .scalar where lone, .mapping where lone: items = [node]
      default:
        decoding.expected(type, found: node)
        return nil
      }
      guard items.count >= minimum else {
        decoding.report("expected \(type), found an empty list", at: node.place)
        return nil
      }
      var values: [Element] = []
      for (index, item) in items.enumerated() {
        decoding.descend(to: String(index), at: item.place) { decoding in
          if let value = element.read(item, &decoding) { values.append(value) }
        }
      }
      return values.count == items.count ? values : nil
    }
  }

  /// `null`, or a value of `codec`.
  static func optional<Wrapped: Sendable>(
    _ codec: RecipeCodec<Wrapped>
  ) -> RecipeCodec where Value == Wrapped? {
    RecipeCodec("\(codec.type), or null", codec.shape, acceptsNull: true) {
      $0.map(codec.encode) ?? .null
    } decode: { node, decoding in
      if node.isNull { return .some(nil) }
      // A word for nothing in other languages; where any text may stand, it may be meant.
      if case .scalar(let text, quoted: false) = node.content, !codec.shape.acceptsText,
        ["none", "nil", "off", "disabled"].contains(text.lowercased())
      {
        decoding.expected("\(codec.type), or null", found: node, mend: "write null")
        return nil
      }
      return codec.read(node, &decoding).map { .some($0) }
    }
  }
}
