/// The recipe language as JSON Schema (draft 2020-12), for editors that complete and check YAML.
/// It is read from the tables that decode recipes.
///
/// It accepts every sound recipe, but wants a path quoted that looks like a number. What it cannot say is left to `RecipeLoader`: files, and checks
/// between keys other than of two that say the same thing.
public enum RecipeSchema {
  /// The schema of recipes of `method`, or of any method, where `method` says which keys there are.
  ///
  /// - Returns: JSON, with a line break at its end.
  public static func text(for method: Method? = nil) -> String {
    var members: [JSONText.Member] = [
      ("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
      ("title", .text(method.map { "Halter recipe: \($0.rawValue)" } ?? "Halter recipe")),
    ]
    if let method {
      members.append(("description", .text(method.meaning)))
      members += recipe(of: method)
    } else {
      members += anyRecipe
    }
    return JSONText.object(members).text + "\n"
  }

  /// A recipe whose method is not known beforehand: one of its own definitions holds.
  private static var anyRecipe: [JSONText.Member] {
    let required = JSONText.object([("required", .list([.text("method")]))])
    var cases = Method.allCases.map { method -> JSONText in
      let isThis = JSONText.object([
        ("properties", .object([("method", .object([("const", .text(method.rawValue))]))])),
        ("required", .list([.text("method")])),
      ])
      return .object([("if", isThis), ("then", reference(method.rawValue))])
    }
    // What a recipe extends may say the method.
    cases.append(
      .object([("if", .object([("not", required)])), ("then", reference("extending"))]))
    let methods = Method.allCases.map { JSONText.text($0.rawValue) }
    var definitions = Method.allCases.map { ($0.rawValue, JSONText.object(recipe(of: $0))) }
    definitions.append(("extending", .object(recipe(of: nil))))
    return [
      ("type", .text("object")),
      ("properties", .object([("method", .object([("enum", .list(methods))]))])),
      (
        "anyOf", .list([required, .object([("required", .list([.text("extends")]))])])
      ),
      ("allOf", .list(cases)), ("$defs", .object(definitions)),
    ]
  }

  private static func reference(_ name: String) -> JSONText {
    .object([("$ref", .text("#/$defs/\(name)"))])
  }

  /// A recipe of `method`, or with the keys of all. What is mandatory may come from a recipe that
  /// it extends.
  private static func recipe(of method: Method?) -> [JSONText.Member] {
    let keys = Recipe.keys
    let extends = JSONText.object([("required", .list([.text("extends")]))])
    let whole = JSONText.object([
      ("if", .object([("not", extends)])), ("then", .object(required(keys, method))),
    ])
    return section(keys, method, isMerged: true, and: method == nil ? [] : [whole])
  }

  /// What a section and the sections in it must have.
  private static func required(_ keys: [RecipeKeyEntry], _ method: Method?) -> [JSONText.Member] {
    let own = keys.filter { key in method.map(key.methods.contains) ?? true }
    let mandatory = own.filter(\.isMandatory).map { JSONText.text($0.name) }
    let below = own.compactMap { key -> JSONText.Member? in
      guard case .section(_, let keys) = key.shape else { return nil }
      let members = required(keys(), method)
      return members.isEmpty ? nil : (key.name, .object(members))
    }
    var members: [JSONText.Member] = []
    if !mandatory.isEmpty { members.append(("required", .list(mandatory))) }
    if !below.isEmpty { members.append(("properties", .object(below))) }
    return members
  }

  /// A mapping with `keys`. `isMerged` tells that an extended recipe may have what is mandatory;
  /// a list is never merged, and so are the entries in it.
  private static func section(
    _ keys: [RecipeKeyEntry], _ method: Method?, isMerged: Bool, and conditions: [JSONText] = []
  ) -> [JSONText.Member] {
    let own = keys.filter { key in method.map(key.methods.contains) ?? true }
    var properties: [JSONText.Member] = []
    for key in own where !properties.contains(where: { $0.name == key.name }) {
      let rows = own.filter { $0.name == key.name }
      let alternatives = rows.map { JSONText.object(property($0, method, isMerged: isMerged)) }
      properties.append(
        (key.name, rows.count == 1 ? alternatives[0] : .object([("anyOf", .list(alternatives))])))
    }
    var members: [JSONText.Member] = [
      ("type", .text("object")), ("properties", .object(properties)),
      ("additionalProperties", .flag(false)),
    ]
    let mandatory = own.filter(\.isMandatory).map { JSONText.text($0.name) }
    if !isMerged, !mandatory.isEmpty { members.append(("required", .list(mandatory))) }
    let all = conditions + own.compactMap(exclusion)
    if !all.isEmpty { members.append(("allOf", .list(all))) }
    return members
  }

  /// Refuses a key together with the one that says the same thing in another way.
  private static func exclusion(_ key: RecipeKeyEntry) -> JSONText? {
    guard let other = key.alternative, key.name < other else { return nil }
    let given = JSONText.object([("not", .object([("type", .text("null"))]))])
    return .object([
      (
        "not",
        .object([
          ("required", .list([.text(key.name), .text(other)])),
          ("properties", .object([(key.name, given), (other, given)])),
        ])
      )
    ])
  }

  private static func property(
    _ key: RecipeKeyEntry, _ method: Method?, isMerged: Bool
  ) -> [JSONText.Member] {
    var words = key.meaning
    if let text = key.defaultText { words += " Default: \(text)." }
    let description: JSONText.Member = ("description", .text(words))
    if key.name == "method", let method { return [description, ("const", .text(method.rawValue))] }
    let value = value(key.shape, method, isMerged: isMerged)
    guard key.acceptsNull else { return [description] + value }
    return [
      description,
      ("anyOf", .list([.object(value), .object([("type", .text("null"))])])),
    ]
  }

  private static func value(
    _ shape: RecipeShape, _ method: Method?, isMerged: Bool
  ) -> [JSONText.Member] {
    switch shape {
    case .leaf(let grammar):
      return leaf(grammar)
    case .either(let grammar, let other):
      return anyOf([leaf(grammar), value(other, method, isMerged: isMerged)])
    case .list(let element, let isLone, let minimum):
      let entry = value(element, method, isMerged: false)
      var list: [JSONText.Member] = [("type", .text("array")), ("items", .object(entry))]
      if minimum > 0 { list.append(("minItems", .number("\(minimum)"))) }
      return isLone ? anyOf([entry, list]) : list
    case .section(let shorthand, let keys):
      let mapping = section(keys(), method, isMerged: isMerged)
      let lone = keys().filter { key in
        key.name == shorthand && method.map(key.methods.contains) ?? true
      }
      let scalars = lone.map { value($0.shape, method, isMerged: isMerged) }
      return scalars.isEmpty ? mapping : anyOf(scalars + [mapping])
    }
  }

  private static func leaf(_ grammar: RecipeGrammar) -> [JSONText.Member] {
    switch grammar {
    case .text:
      // Text need not be quoted: `revision: 1.0` is the text "1.0".
      let types = ["string", "number", "boolean"].map { JSONText.text($0) }
      return [("type", .list(types)), ("minLength", .number("1"))]
    case .path:
      return [("type", .text("string")), ("minLength", .number("1"))]
    case .pattern(let pattern):
      return [("type", .text("string")), ("pattern", .text("^(\(pattern))$"))]
    case .words(let words):
      return [("enum", .list(words.map { .text($0) }))]
    case .flag:
      return [("type", .text("boolean"))]
    case .whole(let range):
      let lower: JSONText.Member = ("minimum", .number("\(range.lowerBound)"))
      let upper: JSONText.Member = ("maximum", .number("\(range.upperBound)"))
      return [("type", .text("integer")), lower] + (range.upperBound == .max ? [] : [upper])
    case .number(let bounds):
      let lower = bounds.includesLower ? "minimum" : "exclusiveMinimum"
      let upper = bounds.includesUpper ? "maximum" : "exclusiveMaximum"
      return [("type", .text("number")), (lower, .number(numeral(bounds.lower)))]
        + (bounds.upper.map { [(upper, .number(numeral($0)))] } ?? [])
    case .list(let element, let count):
      let upper: JSONText.Member = ("maxItems", .number("\(count.upperBound)"))
      return [
        ("type", .text("array")), ("items", .object(leaf(element))),
        ("minItems", .number("\(count.lowerBound)")),
      ] + (count.upperBound == .max ? [] : [upper])
    case .either(let grammars):
      return anyOf(grammars.map(leaf))
    }
  }

  private static func anyOf(_ alternatives: [[JSONText.Member]]) -> [JSONText.Member] {
    [("anyOf", .list(alternatives.map { .object($0) }))]
  }
}
