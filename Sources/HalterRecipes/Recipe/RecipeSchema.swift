import HalterJSON

/// The recipe language as JSON Schema (draft 2020-12), for editors that complete and check YAML.
/// It is read from the tables that decode recipes.
///
/// It accepts every sound recipe, but wants a path quoted that looks like a number. What it cannot
/// say is left to `RecipeLoader`: files, and checks between keys other than of two that say the
/// same thing.
public enum RecipeSchema {
  private typealias Member = (key: String, value: JSONOutput)

  /// The schema of recipes of `method`, or of any method, where `method` says which keys there are.
  ///
  /// - Returns: JSON, with a line break at its end.
  public static func text(for method: Method? = nil) -> String {
    var members: [Member] = [
      ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
      ("title", .string(method.map { "Halter recipe: \($0.rawValue)" } ?? "Halter recipe")),
    ]
    if let method {
      members.append(("description", .string(method.meaning)))
      members += recipe(of: method)
    } else {
      members += anyRecipe
    }
    return object(members).indented + "\n"
  }

  private static func object(_ members: [Member]) -> JSONOutput {
    .object(members.map { JSONOutput.Member($0.key, $0.value) })
  }

  /// A recipe whose method is not known beforehand: one of its own definitions holds.
  private static var anyRecipe: [Member] {
    let required = object([("required", .array([.string("method")]))])
    var cases = Method.allCases.map { method -> JSONOutput in
      let isThis = object([
        ("properties", object([("method", object([("const", .string(method.rawValue))]))])),
        ("required", .array([.string("method")])),
      ])
      return object([("if", isThis), ("then", reference(method.rawValue))])
    }
    // What a recipe extends may say the method.
    cases.append(
      object([("if", object([("not", required)])), ("then", reference("extending"))]))
    let methods = Method.allCases.map { JSONOutput.string($0.rawValue) }
    var definitions = Method.allCases.map { ($0.rawValue, object(recipe(of: $0))) }
    definitions.append(("extending", object(recipe(of: nil))))
    return [
      ("type", .string("object")),
      ("properties", object([("method", object([("enum", .array(methods))]))])),
      (
        "anyOf", .array([required, object([("required", .array([.string("extends")]))])])
      ),
      ("allOf", .array(cases)), ("$defs", object(definitions)),
    ]
  }

  private static func reference(_ name: String) -> JSONOutput {
    object([("$ref", .string("#/$defs/\(name)"))])
  }

  /// A recipe of `method`, or with the keys of all. What is mandatory may come from a recipe that
  /// it extends.
  private static func recipe(of method: Method?) -> [Member] {
    let keys = Recipe.keys
    let extends = object([("required", .array([.string("extends")]))])
    let whole = object([
      ("if", object([("not", extends)])), ("then", object(required(keys, method))),
    ])
    return section(keys, method, isMerged: true, and: method == nil ? [] : [whole])
  }

  /// What a section and the sections in it must have.
  private static func required(_ keys: [RecipeKeyEntry], _ method: Method?) -> [Member] {
    let own = keys.filter { key in method.map(key.methods.contains) ?? true }
    let mandatory = own.filter(\.isMandatory).map { JSONOutput.string($0.name) }
    let below = own.compactMap { key -> Member? in
      guard case .section(_, let keys) = key.shape else { return nil }
      let members = required(keys(), method)
      return members.isEmpty ? nil : (key.name, object(members))
    }
    var members: [Member] = []
    if !mandatory.isEmpty { members.append(("required", .array(mandatory))) }
    if !below.isEmpty { members.append(("properties", object(below))) }
    return members
  }

  /// A mapping with `keys`. `isMerged` tells that an extended recipe may have what is mandatory;
  /// a list is never merged, and so are the entries in it.
  private static func section(
    _ keys: [RecipeKeyEntry], _ method: Method?, isMerged: Bool, and conditions: [JSONOutput] = []
  ) -> [Member] {
    let own = keys.filter { key in method.map(key.methods.contains) ?? true }
    var properties: [Member] = []
    for key in own where !properties.contains(where: { $0.key == key.name }) {
      let rows = own.filter { $0.name == key.name }
      let alternatives = rows.map { object(property($0, method, isMerged: isMerged)) }
      properties.append(
        (key.name, rows.count == 1 ? alternatives[0] : object([("anyOf", .array(alternatives))])))
    }
    var members: [Member] = [
      ("type", .string("object")), ("properties", object(properties)),
      ("additionalProperties", .bool(false)),
    ]
    let mandatory = own.filter(\.isMandatory).map { JSONOutput.string($0.name) }
    if !isMerged, !mandatory.isEmpty { members.append(("required", .array(mandatory))) }
    let all = conditions + own.compactMap(exclusion)
    if !all.isEmpty { members.append(("allOf", .array(all))) }
    return members
  }

  /// Refuses a key together with the one that says the same thing in another way.
  private static func exclusion(_ key: RecipeKeyEntry) -> JSONOutput? {
    guard let other = key.alternative, key.name < other else { return nil }
    let given = object([("not", object([("type", .string("null"))]))])
    return object([
      (
        "not",
        object([
          ("required", .array([.string(key.name), .string(other)])),
          ("properties", object([(key.name, given), (other, given)])),
        ])
      )
    ])
  }

  private static func property(
    _ key: RecipeKeyEntry, _ method: Method?, isMerged: Bool
  ) -> [Member] {
    var words = key.meaning
    if let text = key.defaultText { words += " Default: \(text)." }
    let description: Member = ("description", .string(words))
    if key.name == "method", let method {
      return [description, ("const", .string(method.rawValue))]
    }
    let value = value(key.shape, method, isMerged: isMerged)
    guard key.acceptsNull else { return [description] + value }
    return [
      description,
      ("anyOf", .array([object(value), object([("type", .string("null"))])])),
    ]
  }

  private static func value(
    _ shape: RecipeShape, _ method: Method?, isMerged: Bool
  ) -> [Member] {
    switch shape {
    case .leaf(let grammar):
      return leaf(grammar)
    case .either(let grammar, let other):
      return anyOf([leaf(grammar), value(other, method, isMerged: isMerged)])
    case .list(let element, let isLone, let minimum):
      let entry = value(element, method, isMerged: false)
      var list: [Member] = [("type", .string("array")), ("items", object(entry))]
      if minimum > 0 { list.append(("minItems", .integer(minimum))) }
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

  private static func leaf(_ grammar: RecipeGrammar) -> [Member] {
    switch grammar {
    case .text:
      // Text need not be quoted: `revision: 1.0` is the text "1.0".
      let types = ["string", "number", "boolean"].map { JSONOutput.string($0) }
      return [("type", .array(types)), ("minLength", .integer(1))]
    case .path:
      return [("type", .string("string")), ("minLength", .integer(1))]
    case .pattern(let pattern):
      return [("type", .string("string")), ("pattern", .string("^(\(pattern))$"))]
    case .words(let words):
      return [("enum", .array(words.map { .string($0) }))]
    case .flag:
      return [("type", .string("boolean"))]
    case .whole(let range):
      let lower: Member = ("minimum", .integer(range.lowerBound))
      let upper: Member = ("maximum", .integer(range.upperBound))
      return [("type", .string("integer")), lower] + (range.upperBound == .max ? [] : [upper])
    case .number(let bounds):
      let lower = bounds.includesLower ? "minimum" : "exclusiveMinimum"
      let upper = bounds.includesUpper ? "maximum" : "exclusiveMaximum"
      return [("type", .string("number")), (lower, .verbatim(numeral(bounds.lower)))]
        + (bounds.upper.map { [(upper, .verbatim(numeral($0)))] } ?? [])
    case .list(let element, let count):
      let upper: Member = ("maxItems", .integer(count.upperBound))
      return [
        ("type", .string("array")), ("items", object(leaf(element))),
        ("minItems", .integer(count.lowerBound)),
      ] + (count.upperBound == .max ? [] : [upper])
    case .either(let grammars):
      return anyOf(grammars.map(leaf))
    }
  }

  private static func anyOf(_ alternatives: [[Member]]) -> [Member] {
    [("anyOf", .array(alternatives.map(object)))]
  }
}
