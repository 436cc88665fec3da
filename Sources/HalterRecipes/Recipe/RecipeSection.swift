/// A mapping of a recipe: a struct whose properties are the keys. Its table of fields is its whole
/// schema: names, documentation, reading and writing come from it, and defaults from `init()`.
protocol RecipeSection: Sendable, Equatable {
  /// The section with every key at its default. A mandatory key holds a stand-in that no caller
  /// sees, a recipe without it being refused.
  init()
  /// The keys, in the order in which they are documented and written.
  static var fields: [RecipeField<Self>] { get }
  /// The key that a lone scalar stands for.
  static var shorthand: String? { get }
}

extension RecipeSection {
  static var shorthand: String? { nil }

  /// The documentation of the keys.
  static var keys: [RecipeKeyEntry] { fields.map(\.entry) }
}

/// What is known of a key apart from its section's type.
struct RecipeKeyEntry: Sendable {
  let name: String
  /// What to write, in words.
  let type: String
  /// The default as recipe text or in words; `nil` for a mandatory key.
  let defaultText: String?
  let meaning: String
  /// Names of the same thing elsewhere, for suggestions.
  let aliases: [String]
  /// The key beside it that says the same thing in another way: giving one in an override, or in a
  /// recipe that extends another, takes the other's place.
  let alternative: String?
  let shape: RecipeShape
}

/// A key of the section `Owner`.
struct RecipeField<Owner: Sendable>: Sendable {
  let entry: RecipeKeyEntry
  let isMandatory: Bool
  let decode: @Sendable (RecipeNode, inout Owner, inout RecipeDecoding) -> Void
  /// The value to write; `nil` for a key that a resolved recipe does not have.
  let encode: @Sendable (Owner) -> RecipeValue?
}

extension RecipeField where Owner: RecipeSection {
  /// A key that is stored in the property `keyPath` and written as `codec` says. A recipe without
  /// a `mandatory` key is refused; `derived` is the default in words, where it follows from other
  /// keys; `aliases` are names of the same thing elsewhere; `alternative` is the key beside it that
  /// says the same in another way; `meaning` is one sentence.
  init<Value: Sendable>(
    _ name: String, _ keyPath: any WritableKeyPath<Owner, Value> & Sendable,
    _ codec: RecipeCodec<Value>, mandatory: Bool = false, derived: String? = nil,
    aliases: [String] = [], alternative: String? = nil, _ meaning: String
  ) {
    let usual = { RecipeEmitter.inline(codec.encode(Owner()[keyPath: keyPath])) }
    entry = RecipeKeyEntry(
      name: name, type: codec.type, defaultText: mandatory ? nil : derived ?? usual(),
      meaning: meaning, aliases: aliases, alternative: alternative, shape: codec.shape)
    isMandatory = mandatory
    decode = { node, owner, decoding in
      if let value = codec.read(node, &decoding) { owner[keyPath: keyPath] = value }
    }
    encode = { codec.encode($0[keyPath: keyPath]) }
  }

  /// A key that is taken out of a file before its values are read, and so is in no resolved recipe;
  /// only an override can still have it.
  init<Value: Sendable>(
    taken name: String, _ codec: RecipeCodec<Value>, derived: String, aliases: [String] = [],
    _ meaning: String
  ) {
    entry = RecipeKeyEntry(
      name: name, type: codec.type, defaultText: derived, meaning: meaning, aliases: aliases,
      alternative: nil, shape: codec.shape)
    isMandatory = false
    decode = { node, _, decoding in
      decoding.report("overrides come too late for it: write it in the recipe", at: node.place)
    }
    encode = { _ in nil }
  }
}

extension RecipeCodec where Value: RecipeSection {
  /// A mapping with the keys of a section, or the lone scalar that stands for one of them.
  static func section(_ type: String, _: Value.Type = Value.self) -> RecipeCodec {
    RecipeCodec(
      type, shape: .section(shorthand: Value.shorthand, keys: { Value.keys })
    ) { section in
      .section(written(section))
    } decode: { node, decoding in
      guard case .mapping(let entries) = node.expanded(shorthand: Value.shorthand).content else {
        decoding.expected(type, found: node)
        return nil
      }
      return readSection(entries, of: node, &decoding)
    }
  }

  /// The keys of a section with their values, as far as a resolved recipe has them.
  static func written(_ section: Value) -> [(key: String, value: RecipeValue)] {
    Value.fields.compactMap { field in
      field.encode(section).map { (field.entry.name, $0) }
    }
  }

  private static func readSection(
    _ entries: [RecipeNode.Entry], of node: RecipeNode, _ decoding: inout RecipeDecoding
  ) -> Value {
    var section = Value()
    let fields = Value.fields
    var misspelt: Set<String> = []
    for entry in entries {
      guard let field = fields.first(where: { $0.entry.name == entry.key }) else {
        let meant = meantKey(entry.key, among: fields.map(\.entry))
        if let meant { misspelt.insert(meant.name) }
        let message = unknownKey(
          entry.key, in: decoding.path, meant: meant, keys: fields.map(\.entry))
        decoding.reportKey(entry.key, message, at: entry.keyPlace)
        continue
      }
      decoding.descend(to: entry.key, at: entry.value.place) { decoding in
        field.decode(entry.value, &section, &decoding)
      }
    }
    for field in fields where field.isMandatory && !decoding.isIncomplete {
      let name = field.entry.name
      let isMisspelt = misspelt.contains(name)
      guard !isMisspelt, !entries.contains(where: { $0.key == name }) else { continue }
      let location = decoding.path.isEmpty ? "" : " in \(decoding.location)"
      let meaning = field.entry.meaning.prefix(1).lowercased() + field.entry.meaning.dropFirst()
      decoding.reportKey(
        name,
        "missing key \"\(name)\"\(location): \(meaning.dropLast()) (\(field.entry.type))",
        at: node.place)
    }
    return section
  }
}

extension RecipeNode {
  /// A lone scalar as the mapping it stands for; anything else as it is.
  func expanded(shorthand: String?) -> RecipeNode {
    guard let shorthand, case .scalar = content, !isNull else { return self }
    let entry = Entry(key: shorthand, keyPlace: place, value: self)
    return RecipeNode(content: .mapping([entry]), place: place)
  }
}

/// The key of `keys` that `name` is another name or a misspelling of.
private func meantKey(_ name: String, among keys: [RecipeKeyEntry]) -> RecipeKeyEntry? {
  if let known = keys.first(where: { $0.aliases.contains(name) }) { return known }
  let near = Suggestion.nearest(to: name, among: keys.map(\.name))
  return keys.first { $0.name == near }
}

/// The message for a key that its section does not have: the key it was most likely meant to be,
/// here or in another section, or else all keys.
private func unknownKey(
  _ name: String, in path: [String], meant: RecipeKeyEntry?, keys: [RecipeKeyEntry]
) -> String {
  let section = path.isEmpty ? "" : " in \(path.joined(separator: "."))"
  let start = "unknown key \(quote(name))\(section)"
  if let meant {
    return meant.aliases.contains(name)
      ? "\(start); it is called \"\(meant.name)\" here"
      : "\(start); did you mean \"\(meant.name)\"?"
  }
  let elsewhere = RecipeReference.entries(of: Recipe.keys, below: "").first {
    $0.key.name == name || $0.key.aliases.contains(name)
  }
  if let elsewhere, elsewhere.path != (path + [name]).joined(separator: ".") {
    let mend =
      elsewhere.path == name ? "it belongs to no section" : "did you mean \"\(elsewhere.path)\"?"
    return "\(start); \(mend)"
  }
  return "\(start); the keys here are \(keys.map(\.name).joined(separator: ", "))"
}
