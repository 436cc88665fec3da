import Foundation

/// Reads recipe files.
public enum RecipeLoader {
  /// Reads the recipe file at `path` with the files it extends, overrides, decodes and checks it.
  ///
  /// - Parameters:
  ///   - path: the file, relative to `workingDirectory` if it is relative.
  ///   - overrides: arguments `key.path=value`, applied in order.
  ///   - workingDirectory: where paths in overrides and a relative `output` begin; by default the
  ///     process's.
  /// - Returns: the recipe with the places of its values.
  /// - Throws: every fault of the file and the overrides at once.
  public static func load(
    path: String, overrides: [String] = [], workingDirectory: String? = nil
  ) throws(RecipeErrors) -> LoadedRecipe {
    let folder = workingDirectory ?? FileManager.default.currentDirectoryPath
    let file = URL(fileURLWithPath: RecipePath.absolute(path, from: folder))
    return try load(
      text: try RecipeText.read(file, name: path), name: path, file: file, overrides: overrides,
      workingDirectory: folder)
  }

  /// Decodes and checks recipe text as if it were in `file`, which need not exist.
  ///
  /// - Parameters:
  ///   - text: the recipe.
  ///   - name: what errors call the file.
  ///   - file: where the recipe's paths begin, and its name.
  ///   - overrides: arguments `key.path=value`, applied in order.
  ///   - workingDirectory: where paths in overrides and a relative `output` begin; by default the
  ///     process's.
  /// - Returns: the recipe with the places of its values.
  /// - Throws: every fault of the text and the overrides at once.
  public static func load(
    text: String, name: String, file: URL, overrides: [String] = [],
    workingDirectory: String? = nil
  ) throws(RecipeErrors) -> LoadedRecipe {
    var issues: [RecipeIssue] = []
    var parsed: [RecipeOverride] = []
    for (index, argument) in overrides.enumerated() {
      do throws(RecipeErrors) {
        let override = try RecipeOverride(argument, index: index)
        try override.check(after: parsed)
        parsed.append(override)
      } catch {
        issues += error.issues
      }
    }
    return try load(
      text: text, name: name, file: file, overrides: parsed, and: issues,
      workingDirectory: workingDirectory)
  }

  /// Decodes and checks recipe text with overrides that were read already.
  ///
  /// - Parameter earlier: faults that were found in them.
  static func load(
    text: String, name: String, file: URL, overrides: [RecipeOverride],
    and earlier: [RecipeIssue] = [], workingDirectory: String? = nil
  ) throws(RecipeErrors) -> LoadedRecipe {
    let folder = workingDirectory ?? FileManager.default.currentDirectoryPath
    var files = RecipeInheritance(workingFolder: folder)
    var root = files.read(text, name: name, file: file)
    var issues = earlier + files.issues
    for override in overrides {
      do throws(RecipeErrors) {
        guard var tree = root else { continue }
        try override.apply(to: &tree, keys: Recipe.keys)
        root = tree
      } catch {
        issues += error.issues
      }
    }
    guard let root else { throw RecipeErrors(issues) }
    let stem = file.deletingPathExtension().lastPathComponent
    var decoding = RecipeDecoding(
      workingFolder: folder, recipeName: stem, method: method(of: root),
      isIncomplete: files.isIncomplete)
    let recipe = decode(root, &decoding)
    issues += decoding.issues
    guard let recipe, issues.isEmpty else { throw RecipeErrors(issues) }
    return LoadedRecipe(
      recipe: recipe, name: stem, file: file, text: text, places: decoding.places)
  }

  /// The method that a recipe names, if it is one.
  private static func method(of root: RecipeNode) -> Method? {
    guard case .mapping(let entries) = root.content,
      case .scalar(let text, _)? = entries.first(where: { $0.key == "method" })?.value.content
    else { return nil }
    return Method(rawValue: text)
  }

  private static func decode(_ root: RecipeNode, _ decoding: inout RecipeDecoding) -> Recipe? {
    let codec = RecipeCodec<Recipe>.section("a mapping that begins with method")
    guard var recipe = codec.read(root, &decoding) else { return nil }
    if !decoding.isIncomplete { recipe.check(&decoding) }
    recipe.derive(decoding)
    return recipe
  }
}
