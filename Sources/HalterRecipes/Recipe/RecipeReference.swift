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
  /// The methods that have the key, as it is described here.
  public let methods: [Method]
}

/// The documentation of the recipe language, read from the tables that decode it.
public enum RecipeReference {
  /// Every key of every method, sections before what is in them. A key that methods have in
  /// several ways is there for each way.
  public static var keys: [RecipeKey] {
    entries(of: Recipe.keys, below: "").map { path, key in
      RecipeKey(
        path: path, type: key.type, defaultText: key.defaultText, meaning: key.meaning,
        methods: key.methods)
    }
  }

  /// The keys of one method.
  public static func keys(of method: Method) -> [RecipeKey] {
    keys.filter { $0.methods.contains(method) }
  }

  /// The keys that `name` may mean: those with this path, or else all with this last part, so
  /// that both `train.learning_rate` and `learning_rate` are found. Empty if there is none.
  ///
  /// - Parameter method: the method whose keys are meant; `nil` for any.
  public static func explain(_ name: String, of method: Method? = nil) -> [RecipeKey] {
    let parts = name.split(separator: ".").map { Int($0) == nil ? String($0) : "N" }
    let path = parts.joined(separator: ".")
    let all = method.map(keys(of:)) ?? keys
    let exact = all.filter { $0.path == path }
    return exact.isEmpty ? all.filter { $0.path.hasSuffix("." + path) } : exact
  }

  /// What to say of a name that no key has: the method that has it, or the nearest key.
  public static func unknown(_ name: String, of method: Method? = nil) -> String {
    if let method {
      let others = explain(name).flatMap(\.methods).map(\.rawValue)
      if let other = others.first {
        return "Method \(method.rawValue) has no key \"\(name)\": it belongs to \(other)."
      }
    }
    let near = suggestion(for: name).map { ", did you mean \"\($0)\"?" } ?? "."
    return "There is no key \"\(name)\"\(near)"
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
    keys.flatMap { key in
      let own = path.isEmpty ? key.name : "\(path).\(key.name)"
      return [(own, key)] + entries(in: key.shape, below: own)
    }
  }

  private static func entries(
    in shape: RecipeShape, below path: String
  ) -> [(path: String, key: RecipeKeyEntry)] {
    switch shape {
    case .leaf: []
    case .list(let element, _, _): entries(in: element, below: path + ".N")
    case .either(_, let shape): entries(in: shape, below: path)
    case .section(_, let keys): entries(of: keys(), below: path)
    }
  }
}
