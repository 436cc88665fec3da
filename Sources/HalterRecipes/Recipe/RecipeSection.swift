/// A mapping of a recipe: a struct whose properties are the keys. Its table of fields is its whole
/// schema: names, documentation, reading and writing come from it, and defaults from `usual(for:)`.
protocol RecipeSection: Sendable, Equatable {
  /// The section with every key at its default. A mandatory key holds a stand-in that no caller
  /// sees, a recipe without it being refused.
  init()
  /// The section as a method has it by default.
  static func usual(for method: Method) -> Self
  /// The keys, in the order in which they are documented and written. A key that methods have in
  /// several ways has a row for each.
  static var fields: [RecipeField<Self>] { get }
  /// The key that a lone scalar stands for.
  static var shorthand: String? { get }
}

extension RecipeSection {
  static var shorthand: String? { nil }

  static func usual(for method: Method) -> Self { Self() }

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
  /// True if a recipe without the key is refused.
  var isMandatory: Bool { defaultText == nil }
  let meaning: String
  /// Names of the same thing elsewhere, for suggestions.
  let aliases: [String]
  /// The key beside it that says the same thing in another way: giving one in an override, or in a
  /// recipe that extends another, takes the other's place.
  let alternative: String?
  /// The methods that have the key.
  let methods: [Method]
  let shape: RecipeShape
  /// True if `null` is a value of the key.
  let acceptsNull: Bool
}

/// A key of the section `Owner`.
struct RecipeField<Owner: Sendable>: Sendable {
  let entry: RecipeKeyEntry
  let decode: @Sendable (RecipeNode, inout Owner, inout RecipeDecoding) -> Void
  /// The value to write; `nil` for a key that a resolved recipe does not have.
  let encode: @Sendable (Owner) -> RecipeValue?
}

extension RecipeField where Owner: RecipeSection {
  /// A key that is stored in the property `keyPath` and written as `codec` says.
  ///
  /// - Parameters:
  ///   - mandatory: whether a recipe without the key is refused.
  ///   - derived: the default in words, where it follows from other keys.
  ///   - aliases: names of the same thing elsewhere.
  ///   - alternative: the key beside it that says the same in another way.
  ///   - methods: the methods that have the key.
  ///   - meaning: one sentence.
  init<Value: Sendable>(
    _ name: String, _ keyPath: any WritableKeyPath<Owner, Value> & Sendable,
    _ codec: RecipeCodec<Value>, mandatory: Bool = false, derived: String? = nil,
    aliases: [String] = [], alternative: String? = nil, methods: [Method] = Method.allCases,
    _ meaning: String
  ) {
    let usual = {
      let method = methods.first ?? .sft
      return RecipeEmitter.inline(
        codec.encode(Owner.usual(for: method)[keyPath: keyPath]), for: method)
    }
    entry = RecipeKeyEntry(
      name: name, type: codec.type, defaultText: mandatory ? nil : derived ?? usual(),
      meaning: meaning, aliases: aliases, alternative: alternative, methods: methods,
      shape: codec.shape, acceptsNull: codec.acceptsNull)
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
      alternative: nil, methods: Method.allCases, shape: codec.shape,
      acceptsNull: codec.acceptsNull)
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
      type, .section(shorthand: Value.shorthand, keys: { Value.keys })
    ) { section in
      .section(written(section))
    } decode: { node, decoding in
      guard case .mapping(let entries) = node.expanded(shorthand: Value.shorthand).content else {
        let isLone = node.loneItem?.expanded(shorthand: Value.shorthand).isMapping ?? false
        decoding.expected(
          type, found: node,
          mend: isLone ? "there is only one: delete the dash or the brackets" : nil)
        return nil
      }
      return readSection(entries, of: node, &decoding)
    }
  }

  /// The keys of a section with their values, as far as a resolved recipe has them.
  static func written(_ section: Value) -> [RecipeValue.Entry] {
    Value.fields.compactMap { field in
      field.encode(section).map {
        RecipeValue.Entry(key: field.entry.name, value: $0, methods: field.entry.methods)
      }
    }
  }

  private static func readSection(
    _ entries: [RecipeNode.Entry], of node: RecipeNode, _ decoding: inout RecipeDecoding
  ) -> Value {
    var section = Value.usual(for: decoding.method ?? .sft)
    let all = Value.fields
    let fields = all.filter { decoding.has($0.entry) }
    let misread = RecipeUnknownKey(keys: all.map(\.entry), decoding)
    for entry in entries {
      let rows = fields.filter { $0.entry.name == entry.key }
      guard let field = rows.first else {
        decoding.reportKey(entry.key, misread.message(entry.key), at: entry.keyPlace)
        continue
      }
      // Without a method nobody knows which of several rows is meant.
      guard rows.count == 1 else { continue }
      decoding.descend(to: entry.key, at: entry.value.place) { decoding in
        field.decode(entry.value, &section, &decoding)
      }
    }
    let missing = fields.map(\.entry).filter { key in
      key.isMandatory && !entries.contains { $0.key == key.name }
    }
    if !missing.isEmpty, !decoding.isIncomplete {
      let misspelt = entries.compactMap { misread.meant(by: $0.key)?.name }
      for key in missing where !misspelt.contains(key.name) {
        decoding.reportKey(
          key.name, misread.message(missing: key), at: node.place, kind: .missingKey)
      }
    }
    return section
  }
}

extension RecipeNode {
  /// The one entry of a list that has one.
  fileprivate var loneItem: RecipeNode? {
    guard case .list(let items) = content, items.count == 1 else { return nil }
    return items[0]
  }

  fileprivate var isMapping: Bool {
    if case .mapping = content { true } else { false }
  }

  /// A lone scalar as the mapping it stands for; anything else as it is.
  func expanded(shorthand: String?) -> RecipeNode {
    guard let shorthand, case .scalar = content, !isNull else { return self }
    let entry = Entry(key: shorthand, keyPlace: place, value: self)
    return RecipeNode(content: .mapping([entry]), place: place)
  }
}
