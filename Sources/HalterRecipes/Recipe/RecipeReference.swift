/// What is documented of a key of a recipe.
public struct RecipeKey: Sendable, Equatable {
  /// The key with the sections above it: `train.learning_rate`; an entry of a list is `N`.
  public let path: String
  /// What to write, in words.
  public let type: String
  /// The default as recipe text or in words; `nil` for a mandatory key.
  public let defaultText: String?
  /// One sentence on what the key does.
  public let meaning: String
}

/// The documentation of the recipe language, read from the tables that decode it.
public enum RecipeReference {
  /// Every key, sections before what is in them.
  public static var keys: [RecipeKey] {
    entries(of: Recipe.keys, below: "").map { entry in
      RecipeKey(
        path: entry.path, type: entry.key.type, defaultText: entry.key.defaultText,
        meaning: entry.key.meaning)
    }
  }

  /// The keys that `name` may mean: the one with this path, or else all with this last part, so
  /// that both `train.learning_rate` and `learning_rate` are found. Empty if there is none.
  public static func explain(_ name: String) -> [RecipeKey] {
    let parts = name.split(separator: ".").map { Int($0) == nil ? String($0) : "N" }
    let path = parts.joined(separator: ".")
    let all = keys
    if let exact = all.first(where: { $0.path == path }) { return [exact] }
    return all.filter { $0.path.hasSuffix("." + path) }
  }

  /// The path or last part of a path nearest to `name`, if one is near.
  public static func suggestion(for name: String) -> String? {
    let paths = keys.map(\.path)
    let names = paths.compactMap { $0.split(separator: ".").last.map(String.init) }
    return Suggestion.nearest(to: name, among: paths + names)
  }

  /// The entries of `keys` and everything below, depth first, with their paths.
  static func entries(
    of keys: [RecipeKeyEntry], below path: String
  ) -> [(path: String, key: RecipeKeyEntry)] {
    keys.flatMap { key -> [(path: String, key: RecipeKeyEntry)] in
      let own = path.isEmpty ? key.name : "\(path).\(key.name)"
      return [(own, key)] + entries(in: key.shape, below: own)
    }
  }

  private static func entries(
    in shape: RecipeShape, below path: String
  ) -> [(path: String, key: RecipeKeyEntry)] {
    switch shape {
    case .leaf: []
    case .list(let element): entries(in: element, below: path + ".N")
    case .section(_, let keys): entries(of: keys(), below: path)
    }
  }
}
