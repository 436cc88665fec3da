/// An argument `key.path=value` that changes a recipe before it is decoded.
struct RecipeOverride {
  private struct Component {
    let name: String
    let place: RecipePlace
  }

  private let path: [Component]
  private let value: RecipeNode
  /// The override as an argument of its own: `key.path=value`.
  let assignment: String
  /// The value as it was typed.
  let text: String

  /// Reads `argument`, the `index`-th of the overrides; its first `=` ends the key path.
  init(_ argument: String, index: Int) throws(RecipeErrors) {
    let scalars = Array(argument.unicodeScalars)
    let source = RecipeSource(argument: argument, index: index)
    let start = (try Self.equals(in: scalars, source)) + 1
    try self.init(scalars, value: start..<scalars.count, source)
  }

  /// Reads an argument that gives one key several values, `key.path=value,value`: an override for
  /// each. A comma in brackets, braces or quotes belongs to its value.
  static func several(_ argument: String, index: Int) throws(RecipeErrors) -> [RecipeOverride] {
    let scalars = Array(argument.unicodeScalars)
    let source = RecipeSource(argument: argument, index: index)
    let start = (try equals(in: scalars, source)) + 1
    let key = String(String.UnicodeScalarView(scalars[..<start]))
    var overrides: [RecipeOverride] = []
    for range in pieces(of: scalars, from: start) {
      let text = String(String.UnicodeScalarView(scalars[range]))
      let assignment = key + text
      let piece = RecipeSource(argument: argument, index: index, assignment: assignment)
      if range.isEmpty, scalars.count > start {
        throw RecipeErrors([
          RecipeIssue(
            "a value is missing here: between commas, write one",
            at: RecipePlace(piece, line: 1, column: range.lowerBound + 1))
        ])
      }
      if overrides.contains(where: { $0.assignment == assignment }) {
        throw RecipeErrors([
          RecipeIssue(
            "\(quote(text)) is given twice: keep one of them",
            at: RecipePlace(
              piece, line: 1, column: range.lowerBound + 1, length: range.count))
        ])
      }
      overrides.append(try RecipeOverride(scalars, value: range, piece))
    }
    return overrides
  }

  /// The stretches between the commas of `scalars`, from `start` to the end.
  private static func pieces(of scalars: [Unicode.Scalar], from start: Int) -> [Range<Int>] {
    var pieces: [Range<Int>] = []
    var (first, depth) = (start, 0)
    var open: Unicode.Scalar?
    for index in start..<scalars.count {
      let scalar = scalars[index]
      if let quote = open {
        if scalar == quote, quote == "'" || scalars[index - 1] != "\\" { open = nil }
        continue
      }
      switch scalar {
      case "[", "{": depth += 1
      case "]", "}": depth -= 1
      // A quotation mark inside a word is a letter, as in "Don't".
      case "\"", "'":
        if index == first || depth > 0 { open = scalar }
      case "," where depth <= 0:
        pieces.append(first..<index)
        first = index + 1
      default: break
      }
    }
    return pieces + [first..<scalars.count]
  }

  /// Where the first `=` is.
  private static func equals(
    in scalars: [Unicode.Scalar], _ source: RecipeSource
  ) throws(RecipeErrors) -> Int {
    if let index = scalars.firstIndex(of: "=") { return index }
    throw RecipeErrors([
      RecipeIssue(
        "an override is written key.path=value: there is no =",
        at: RecipePlace(source, line: 1, column: 1, length: scalars.count))
    ])
  }

  /// Reads the key path before the first `=` of `scalars`, and the value in `range`.
  private init(
    _ scalars: [Unicode.Scalar], value range: Range<Int>, _ source: RecipeSource
  ) throws(RecipeErrors) {
    var path: [Component] = []
    var column = 1
    let key = scalars.prefix { $0 != "=" }
    for part in key.split(separator: ".", omittingEmptySubsequences: false) {
      let place = RecipePlace(source, line: 1, column: column, length: part.count)
      guard !part.isEmpty else {
        throw RecipeErrors([
          RecipeIssue("an override is written key.path=value: a key is missing here", at: place)
        ])
      }
      path.append(Component(name: String(String.UnicodeScalarView(part)), place: place))
      column += part.count + 1
    }
    let text = String(String.UnicodeScalarView(scalars[range]))
    self.path = path
    self.text = text
    assignment = String(String.UnicodeScalarView(key)) + "=" + text
    value = try Self.value(text, column: range.lowerBound + 1, source)
  }

  /// The key path in dots.
  var key: String { path.map(\.name).joined(separator: ".") }

  /// Refuses an override that makes an earlier one vanish.
  func check(after earlier: [RecipeOverride]) throws(RecipeErrors) {
    for other in earlier where other.path.map(\.name).starts(with: path.map(\.name)) {
      let argument = quote(other.path.first?.place.argument ?? other.assignment)
      let message =
        other.path.count == path.count
        ? "\(key) is given before, in \(argument): keep one of them"
        : "\(key) takes the place of all in it, also of \(argument) before it: put "
          + "it first, or delete that one"
      throw refused(message)
    }
  }

  /// A fault of the override, at its key.
  func refused(_ message: String) -> RecipeErrors {
    let place = path.first.map { first in
      RecipePlace(first.place.source, line: 1, column: 1, length: key.unicodeScalars.count)
    }
    return RecipeErrors([RecipeIssue(message, at: place)])
  }

  /// Brackets, braces and quotes are read as YAML; anything else is a scalar as it stands, so that
  /// a prompt may hold colons and number signs.
  private static func value(
    _ text: String, column: Int, _ source: RecipeSource
  ) throws(RecipeErrors) -> RecipeNode {
    guard let first = text.first, "[{\"'".contains(first) else {
      let place = RecipePlace(
        source, line: 1, column: column, length: text.unicodeScalars.count)
      return RecipeNode(content: .scalar(text, quoted: false), place: place)
    }
    var parser = RecipeParser(source: source, column: column)
    let node = parser.parse(text)
    guard let node, parser.issues.isEmpty else { throw RecipeErrors(parser.issues) }
    return node
  }

  /// Sets the value in the tree of a recipe. A key that the schema does not know is set too, where
  /// the decoder will find and report it.
  func apply(to root: inout RecipeNode, keys: [RecipeKeyEntry]) throws(RecipeErrors) {
    let shape = RecipeShape.section(shorthand: nil, keys: { keys })
    try set(path[...], in: &root, shape)
  }

  private func set(
    _ rest: ArraySlice<Component>, in node: inout RecipeNode, _ shape: RecipeShape
  ) throws(RecipeErrors) {
    guard let component = rest.first else {
      node = value
      return
    }
    switch shape {
    case .section(let shorthand, let keys):
      try set(rest, key: component, in: &node, shorthand: shorthand, keys())
    case .list(let element, _, _):
      try set(rest, index: component, in: &node, element)
    case .either(_, let shape):
      try set(rest, in: &node, shape)
    case .leaf(let grammar):
      if case .list = node.content, Int(component.name) != nil {
        try set(rest, index: component, in: &node, .leaf(grammar))
      } else {
        throw fault("is one value here, without parts: give it whole", before: component)
      }
    }
  }

  private func set(
    _ rest: ArraySlice<Component>, key component: Component, in node: inout RecipeNode,
    shorthand: String?, _ keys: [RecipeKeyEntry]
  ) throws(RecipeErrors) {
    var entries: [RecipeNode.Entry] = []
    switch node.expanded(shorthand: shorthand).content {
    case .mapping(let present): entries = present
    case .scalar where node.isNull: break
    default: return  // No mapping: the decoder reports it.
    }
    guard let key = keys.first(where: { $0.name == component.name }) else {
      entries.removeAll { $0.key == component.name }
      entries.append(
        RecipeNode.Entry(key: component.name, keyPlace: component.place, value: value))
      node = RecipeNode(content: .mapping(entries), place: node.place)
      return
    }
    let index = entries.firstIndex { $0.key == component.name }
    var child =
      index.map { entries[$0].value }
      ?? RecipeNode(content: .scalar("", quoted: false), place: component.place)
    try set(rest.dropFirst(), in: &child, key.shape)
    let entry = RecipeNode.Entry(key: component.name, keyPlace: component.place, value: child)
    if let index { entries[index] = entry } else { entries.append(entry) }
    if let other = key.alternative, !child.isNull {
      entries.removeAll { $0.key == other && $0.value.place.argument == nil }
    }
    node = RecipeNode(content: .mapping(entries), place: node.place)
  }

  private func set(
    _ rest: ArraySlice<Component>, index component: Component, in node: inout RecipeNode,
    _ element: RecipeShape
  ) throws(RecipeErrors) {
    var items: [RecipeNode] = []
    switch node.content {
    case .list(let present): items = present
    default: items = node.isNull ? [] : [node]
    }
    guard let index = Int(component.name), index >= 0 else {
      throw fault("is a list: say which entry by its number, from 0", before: component)
    }
    guard index <= items.count else {
      let last = items.isEmpty ? "is empty" : "ends with entry \(items.count - 1)"
      throw fault("\(last): the next is \(items.count)", before: component)
    }
    var child =
      index < items.count
      ? items[index] : RecipeNode(content: .scalar("", quoted: false), place: component.place)
    try set(rest.dropFirst(), in: &child, element)
    if index < items.count { items[index] = child } else { items.append(child) }
    node = RecipeNode(content: .list(items), place: node.place)
  }

  /// A fault of what `component` is to be found in.
  private func fault(_ message: String, before component: Component) -> RecipeErrors {
    let above = path.prefix { $0.place != component.place }.map(\.name).joined(separator: ".")
    return RecipeErrors([RecipeIssue("\(above) \(message)", at: component.place)])
  }
}
