/// An argument `key.path=value` that changes a recipe before it is decoded.
struct RecipeOverride {
  private struct Component {
    let name: String
    let place: RecipePlace
  }

  private let path: [Component]
  private let value: RecipeNode

  /// Reads `argument`, the `index`-th of the overrides; its first `=` ends the key path.
  init(_ argument: String, index: Int) throws(RecipeErrors) {
    let source = RecipeSource(argument: argument, index: index)
    let scalars = Array(argument.unicodeScalars)
    guard let equals = scalars.firstIndex(of: "=") else {
      throw RecipeErrors([
        RecipeIssue(
          "an override is written key.path=value: there is no =",
          at: RecipePlace(source, line: 1, column: 1, length: scalars.count))
      ])
    }
    var path: [Component] = []
    var column = 1
    for part in scalars[..<equals].split(separator: ".", omittingEmptySubsequences: false) {
      let place = RecipePlace(source, line: 1, column: column, length: part.count)
      guard !part.isEmpty else {
        throw RecipeErrors([
          RecipeIssue("an override is written key.path=value: a key is missing here", at: place)
        ])
      }
      path.append(Component(name: String(String.UnicodeScalarView(part)), place: place))
      column += part.count + 1
    }
    self.path = path
    value = try Self.value(
      String(String.UnicodeScalarView(scalars[(equals + 1)...])), column: equals + 2, source)
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
