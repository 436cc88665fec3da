/// What is said of keys that a section does not have, and of those that it lacks.
struct RecipeUnknownKey {
  /// The section's keys, of all methods.
  private let keys: [RecipeKeyEntry]
  private let path: [String]
  private let method: Method?
  private let own: [RecipeKeyEntry]

  init(keys: [RecipeKeyEntry], _ decoding: RecipeDecoding) {
    self.keys = keys
    path = decoding.path
    method = decoding.method
    own = keys.filter { decoding.has($0) }
  }

  /// The key of the section that `name` is another name or a misspelling of.
  func meant(by name: String) -> RecipeKeyEntry? { Self.meant(by: name, among: own) }

  private static func meant(by name: String, among keys: [RecipeKeyEntry]) -> RecipeKeyEntry? {
    if keys.contains(where: { $0.name == name }) { return nil }
    if let known = keys.first(where: { $0.aliases.contains(name) }) { return known }
    if let near = Suggestion.nearest(to: name, among: keys.map(\.name)) {
      return keys.first { $0.name == near }
    }
    // Another tool's name may be misspelt, too; a short one is near to anything.
    let aliases = keys.flatMap(\.aliases).filter { $0.count > 4 }
    let near = Suggestion.nearest(to: name, among: aliases)
    return keys.first { key in near.map(key.aliases.contains) ?? false }
  }

  /// The message: the key that `name` was most likely meant to be, of this method or of another,
  /// here or in another section, or else all keys.
  func message(_ name: String) -> String {
    if let key = keys.first(where: { $0.name == name }), let method {
      let place = (path + [name]).joined(separator: ".")
      return "\(place) belongs to \(Self.owners(of: key)), and the method of this recipe is "
        + "\(method.rawValue): delete it"
    }
    let start = "unknown key \(quote(name))" + (path.isEmpty ? "" : " in \(location)")
    if let meant = meant(by: name) {
      return meant.aliases.contains(name)
        ? "\(start); it is called \"\(meant.name)\" here"
        : "\(start); did you mean \"\(meant.name)\"?"
    }
    if let meant = Self.meant(by: name, among: keys) {
      return "\(start); there is \"\(meant.name)\", but it belongs to \(Self.owners(of: meant))"
    }
    if name.allSatisfy(\.isNumber) {
      return "\(start); if it is the end of a number, write that with a point: 0.5"
    }
    if let elsewhere = elsewhere(name) {
      return elsewhere == name
        ? "\(start); it belongs at the top level" : "\(start); did you mean \"\(elsewhere)\"?"
    }
    var names: [String] = []
    for key in own where !names.contains(key.name) { names.append(key.name) }
    return "\(start); the keys here are \(names.joined(separator: ", "))"
  }

  /// The message for a mandatory key that is not given.
  func message(missing key: RecipeKeyEntry) -> String {
    let place = path.isEmpty ? "" : " in \(location)"
    let meaning = key.meaning.prefix(1).lowercased() + key.meaning.dropFirst().dropLast()
    return "missing key \"\(key.name)\"\(place): \(meaning) (\(key.type))"
  }

  private var location: String { path.joined(separator: ".") }

  /// `method sft`, `the methods sft and dpo`.
  private static func owners(of key: RecipeKeyEntry) -> String {
    let names = key.methods.map(\.rawValue)
    guard let last = names.last, names.count > 1 else { return "method \(names.joined())" }
    return "the methods \(names.dropLast().joined(separator: ", ")) and \(last)"
  }

  /// The path of a key of this name or alias in another section, the least deep of several.
  private func elsewhere(_ name: String) -> String? {
    let place = (path + [name]).joined(separator: ".")
    let found = RecipeReference.entries(of: Recipe.keys, below: "").filter { path, key in
      (key.name == name || key.aliases.contains(name)) && path != place
        && method.map(key.methods.contains) ?? true
    }
    return found.map(\.path).min { left, right in
      left.count { $0 == "." } < right.count { $0 == "." }
    }
  }
}
