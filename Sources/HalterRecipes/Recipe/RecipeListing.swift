import Foundation

/// A recipe file in a folder, as a list shows it.
public struct RecipeListing: Sendable, Equatable {
  /// What was made of the file.
  public enum State: Sendable, Equatable {
    /// It is sound.
    case sound(method: Method, model: String)
    /// It lacks mandatory keys and nothing else is wrong: others extend it.
    case part
    /// It has so many faults.
    case faulty(Int)
  }

  /// The file, as a user would type it.
  public let path: String
  /// What was made of it.
  public let state: State
  /// What its first line says, if that is a comment.
  public let comment: String?

  /// The recipes in `folder` and the folders in it, sorted by path. Run directories and hidden
  /// folders are passed over, and so is YAML that is no recipe.
  ///
  /// - Parameters:
  ///   - folder: the folder, relative to `workingDirectory` if it is relative.
  ///   - workingDirectory: where relative paths begin; by default the process's.
  /// - Throws: an issue of kind `.missingFile` if there is no such folder.
  public static func recipes(
    in folder: String, workingDirectory: String? = nil
  ) throws(RecipeErrors) -> [RecipeListing] {
    let working = workingDirectory ?? FileManager.default.currentDirectoryPath
    let root = RecipePath.absolute(folder, from: working)
    guard isFolder(root) else {
      throw RecipeErrors([
        RecipeIssue("\(folder): there is no folder of this name", at: nil, kind: .missingFile)
      ])
    }
    var found: [RecipeListing] = []
    visit(root, shown: folder == "." ? "" : folder, depth: 0) { file, shown in
      if let listing = listing(of: file, shown: shown, in: working) { found.append(listing) }
    }
    return found
  }

  /// How deep folders are looked into; a link to a folder above ends there.
  private static let maximumDepth = 8

  private static func visit(
    _ folder: String, shown: String, depth: Int, _ body: (String, String) -> Void
  ) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    // A run directory holds a recipe, too, but not one that somebody wrote.
    guard depth < maximumDepth, !names.contains("run.json") else { return }
    for name in names.sorted() where !name.hasPrefix(".") {
      let path = folder + "/" + name
      let below = shown.isEmpty ? name : shown.hasSuffix("/") ? shown + name : shown + "/" + name
      if isFolder(path) {
        visit(path, shown: below, depth: depth + 1, body)
      } else if name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
        body(path, below)
      }
    }
  }

  private static func isFolder(_ path: String) -> Bool {
    let values = try? URL(fileURLWithPath: path).resolvingSymlinksInPath()
      .resourceValues(forKeys: [.isDirectoryKey])
    return values?.isDirectory ?? false
  }

  private static func listing(
    of file: String, shown: String, in working: String
  ) -> RecipeListing? {
    let url = URL(fileURLWithPath: file)
    guard let text = try? RecipeText.read(url, name: shown), isRecipe(text) else { return nil }
    let state: State
    do {
      let recipe = try RecipeLoader.load(
        text: text, name: shown, file: url, workingDirectory: working
      ).recipe
      state = .sound(method: recipe.method, model: recipe.model.shownName)
    } catch {
      state = error.onlyMissingKeys ? .part : .faulty(error.issues.count)
    }
    return RecipeListing(path: shown, state: state, comment: comment(of: text))
  }

  /// Whether YAML is meant as a recipe: it says a method or what it extends, or has no key that a
  /// recipe cannot have.
  private static func isRecipe(_ text: String) -> Bool {
    guard text.utf8.count <= RecipeParser.maximumBytes else { return false }
    var parser = RecipeParser(source: RecipeSource(file: "", in: "/", text: text))
    guard case .mapping(let entries)? = parser.parse(text)?.content, !entries.isEmpty else {
      return text.contains(/(?m)^method:/)
    }
    let known = Set(Recipe.keys.map(\.name))
    return entries.contains { ["method", "extends"].contains($0.key) }
      || entries.allSatisfy { known.contains($0.key) }
  }

  private static func comment(of text: String) -> String? {
    guard let line = text.split(separator: "\n", maxSplits: 1).first, line.hasPrefix("#") else {
      return nil
    }
    let words = line.drop { $0 == "#" || $0 == " " }
    return words.isEmpty ? nil : RecipePlace.printable(String(words))
  }
}

extension ModelRecipe {
  /// The model as the recipe has it.
  var shownName: String {
    switch base {
    case .name(let name): name
    case .path(let path): path.text
    }
  }
}
