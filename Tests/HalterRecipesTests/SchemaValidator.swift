import Foundation

@testable import HalterRecipes

/// A validator of the part of JSON Schema (draft 2020-12) that `RecipeSchema` writes. A keyword that
/// it does not know is an error, so that a schema cannot promise what no test has looked at.
struct SchemaValidator {
  struct UnknownKeyword: Error { let name: String }

  private let root: [String: Any]

  init(_ text: String) throws {
    root = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
  }

  /// Whether the schema accepts a recipe.
  func accepts(_ yaml: String) throws -> Bool {
    let source = RecipeSource(file: "r.yaml", in: "/", text: yaml)
    var parser = RecipeParser(source: source)
    guard let node = parser.parse(yaml), parser.issues.isEmpty else { return false }
    return try accepts(Self.value(node), root)
  }

  /// A tree as an editor's reader of YAML 1.2 sees it.
  private static func value(_ node: RecipeNode) -> Any {
    switch node.content {
    case .scalar(let text, let quoted):
      if quoted { return text }
      if node.isNull { return NSNull() }
      if text == "true" || text == "false" { return text == "true" }
      if case .none = RecipeNumber(text) { return text }
      return Double(text) ?? text
    case .list(let items): return items.map(value)
    case .mapping(let entries):
      return Dictionary(entries.map { ($0.key, value($0.value)) }) { first, _ in first }
    case .refused: return NSNull()
    }
  }

  private func accepts(_ value: Any, _ schema: [String: Any]) throws -> Bool {
    for (keyword, rule) in schema where try !accepts(value, keyword, rule, in: schema) {
      return false
    }
    return true
  }

  private func accepts(
    _ value: Any, _ keyword: String, _ rule: Any, in schema: [String: Any]
  ) throws -> Bool {
    let object = value as? [String: Any]
    let list = value as? [Any]
    let number = value is Bool ? nil : value as? Double
    switch keyword {
    case "$schema", "$defs", "title", "description", "then": return true
    case "$ref": return try accepts(value, definition(rule))
    case "type": return types(rule).contains { has(value, type: $0) }
    case "const": return equal(value, rule)
    case "enum": return (rule as? [Any] ?? []).contains { equal(value, $0) }
    case "minLength": return (value as? String).map { $0.count >= Int(limit(rule)) } ?? true
    case "pattern":
      return try (value as? String).map {
        $0.firstMatch(of: try Regex(rule as? String ?? "")) != nil
      } ?? true
    case "minimum": return number.map { $0 >= limit(rule) } ?? true
    case "maximum": return number.map { $0 <= limit(rule) } ?? true
    case "exclusiveMinimum": return number.map { $0 > limit(rule) } ?? true
    case "exclusiveMaximum": return number.map { $0 < limit(rule) } ?? true
    case "minItems": return list.map { Double($0.count) >= limit(rule) } ?? true
    case "maxItems": return list.map { Double($0.count) <= limit(rule) } ?? true
    case "items": return try (list ?? []).allSatisfy { try accepts($0, schemaOf(rule)) }
    case "required": return object.map { own in names(rule).allSatisfy { own[$0] != nil } } ?? true
    case "properties":
      let properties = schemaOf(rule)
      return try (object ?? [:]).allSatisfy { name, value in
        try properties[name].map { try accepts(value, schemaOf($0)) } ?? true
      }
    case "additionalProperties":
      let known = Set(schemaOf(schema["properties"] ?? [:]).keys)
      return (object ?? [:]).keys.allSatisfy(known.contains)
    case "anyOf": return try (rule as? [Any] ?? []).contains { try accepts(value, schemaOf($0)) }
    case "allOf": return try (rule as? [Any] ?? []).allSatisfy { try accepts(value, schemaOf($0)) }
    case "not": return try !accepts(value, schemaOf(rule))
    case "if":
      let holds = try accepts(value, schemaOf(rule))
      return try holds ? accepts(value, schemaOf(schema["then"] ?? [:])) : true
    default: throw UnknownKeyword(name: keyword)
    }
  }

  private func definition(_ reference: Any) -> [String: Any] {
    let name = (reference as? String ?? "").replacing("#/$defs/", with: "")
    return schemaOf(schemaOf(root["$defs"] ?? [:])[name] ?? [:])
  }

  private func schemaOf(_ rule: Any) -> [String: Any] { rule as? [String: Any] ?? [:] }

  private func names(_ rule: Any) -> [String] { rule as? [String] ?? [] }

  private func types(_ rule: Any) -> [String] { rule as? [String] ?? [rule as? String ?? ""] }

  private func limit(_ rule: Any) -> Double { (rule as? NSNumber)?.doubleValue ?? .nan }

  private func equal(_ value: Any, _ other: Any) -> Bool {
    value as? String == other as? String && value is String
  }

  private func has(_ value: Any, type: String) -> Bool {
    switch type {
    case "null": value is NSNull
    case "boolean": value is Bool
    case "string": value is String
    case "number": value is Double && !(value is Bool)
    case "integer": !(value is Bool) && (value as? Double).map { $0 == $0.rounded() } ?? false
    case "array": value is [Any]
    case "object": value is [String: Any]
    default: false
    }
  }
}
