import Foundation
import HalterTokenizers

/// Where a value of a recipe comes from.
public enum RecipeOrigin: Sendable, Equatable {
  /// The recipe file, in this line.
  case file(line: Int)
  /// An override argument.
  case override(String)
  /// The schema.
  case byDefault

  /// The origin as a comment says it.
  var comment: String {
    switch self {
    case .file(let line): "recipe line \(line)"
    case .override(let argument): "override \(argument)"
    case .byDefault: "default"
    }
  }
}

/// A recipe with what is known of its file.
public struct LoadedRecipe: Sendable {
  /// The recipe, with every default filled in.
  public internal(set) var recipe: Recipe
  /// The recipe's name: its file name without the extension.
  public let name: String
  /// The recipe file.
  public let file: URL
  /// The text of the file, without the overrides.
  public let text: String
  let places: [String: RecipePlace]

  /// Where the value of the key `path` comes from; entries of lists are numbered from 0.
  public func origin(of path: String) -> RecipeOrigin {
    guard let place = places[path] else { return .byDefault }
    return place.argument.map { .override($0) } ?? .file(line: place.line)
  }

  /// Every key with its value, as a recipe that decodes to an equal recipe wherever it lies, all
  /// its paths being absolute.
  ///
  /// - Parameter showingOrigins: true to say behind each value where it comes from.
  /// - Returns: the text, with a line break at its end.
  public func resolved(showingOrigins: Bool = true) -> String {
    var emitter = RecipeEmitter { path in
      showingOrigins ? origin(of: path).comment : nil
    }
    emitter.write(Recipe.fields.map { ($0.entry.name, $0.encode(recipe)) })
    return emitter.lines.joined(separator: "\n") + "\n"
  }

  /// Refuses the recipe if something that it names is not there: data, an adapter to start from,
  /// a model given by its path, a chat template.
  ///
  /// - Throws: an issue for each, at the place that names it; of kind `.missingFile` for files.
  public func checkFiles() throws(RecipeErrors) {
    var issues: [RecipeIssue] = []
    let templates = ChatTemplate.Kind.allCases.map(\.rawValue)
    if let template = recipe.template, !templates.contains(template) {
      issues.append(
        RecipeIssue(
          "template: there is no chat template \(quote(template)): expected "
            + templates.joined(separator: ", "), at: places["template"]))
    }
    for (key, path) in recipe.inputs
    where !FileManager.default.fileExists(atPath: path.absolute) {
      issues.append(
        RecipeIssue(
          "\(key): there is no \"\(RecipePlace.printable(path.absolute))\"", at: places[key],
          kind: .missingFile))
    }
    guard issues.isEmpty else { throw RecipeErrors(issues) }
  }
}

extension Recipe {
  /// What the run reads, with the keys that name it.
  fileprivate var inputs: [(key: String, path: RecipePath)] {
    var inputs: [(key: String, path: RecipePath)] = []
    if case .path(let path) = model.base { inputs.append(("model.base", path)) }
    if case .adapter(let path)? = adapter?.initialization { inputs.append(("adapter.init", path)) }
    for (index, source) in data.train.enumerated() {
      inputs.append(("data.train.\(index).path", source.path))
    }
    for (index, source) in (data.validation?.sources ?? []).enumerated() {
      inputs.append(("data.validation.\(index).path", source.path))
    }
    return inputs
  }
}

/// Reads recipe files.
public enum RecipeLoader {
  /// Reads, overrides, decodes and checks the recipe file at `path`.
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
      text: try text(of: file, name: path), name: path, file: file, overrides: overrides,
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
    let mark: Unicode.Scalar = "\u{FEFF}"  // Some editors begin UTF-8 files with it.
    let content = String(text.unicodeScalars.first == mark ? text.dropFirst() : text[...])
    let source = RecipeSource(file: name, text: content)
    var issues: [RecipeIssue] = []
    var root = tree(of: content, source, &issues)
    for (index, argument) in overrides.enumerated() {
      do throws(RecipeErrors) {
        let override = try RecipeOverride(argument, index: index)
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
      recipeFolder: file.deletingLastPathComponent().path,
      workingFolder: workingDirectory ?? FileManager.default.currentDirectoryPath,
      recipeName: stem)
    let recipe = decode(root, &decoding)
    issues += decoding.issues
    guard let recipe, issues.isEmpty else { throw RecipeErrors(issues) }
    return LoadedRecipe(
      recipe: recipe, name: stem, file: file, text: text, places: decoding.places)
  }

  private static func decode(_ root: RecipeNode, _ decoding: inout RecipeDecoding) -> Recipe? {
    let codec = RecipeCodec<Recipe>.section("a mapping that begins with method")
    guard var recipe = codec.read(root, &decoding) else { return nil }
    recipe.check(&decoding)
    recipe.derive(decoding)
    return recipe
  }

  private static func tree(
    of text: String, _ source: RecipeSource, _ issues: inout [RecipeIssue]
  ) -> RecipeNode? {
    let start = RecipePlace(source, line: 1, column: 1)
    guard text.utf8.count <= RecipeParser.maximumBytes else {
      issues.append(
        RecipeIssue(
          "this file has \(text.utf8.count) bytes: a recipe has at most "
            + "\(RecipeParser.maximumBytes)", at: start))
      return nil
    }
    var parser = RecipeParser(source: source)
    let root = parser.parse(text)
    issues += parser.issues
    guard let root, !root.isNull else {
      if parser.issues.isEmpty {
        issues.append(RecipeIssue("the recipe is empty: it begins with method", at: start))
      }
      return nil
    }
    return root
  }

  private static func text(of file: URL, name: String) throws(RecipeErrors) -> String {
    let bytes: Data
    do {
      bytes = try Data(contentsOf: file)
    } catch {
      let isThere = FileManager.default.fileExists(atPath: file.path)
      let message =
        isThere
        ? "the recipe cannot be read: it is not a readable file"
        : "there is no recipe file of this name"
      throw RecipeErrors([
        RecipeIssue("\(name): \(message)", at: nil, kind: isThere ? .invalid : .missingFile)
      ])
    }
    if let text = String(bytes: bytes, encoding: .utf8) { return text }
    let (line, column) = firstInvalid(in: bytes)
    let source = RecipeSource(file: name, text: String(decoding: bytes, as: UTF8.self))
    throw RecipeErrors([
      RecipeIssue(
        "this is not UTF-8 text: save the recipe as UTF-8",
        at: RecipePlace(source, line: line, column: column))
    ])
  }

  /// Line and column of the first byte that is not UTF-8.
  private static func firstInvalid(in bytes: Data) -> (line: Int, column: Int) {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var (line, column) = (1, 1)
    while case .scalarValue(let scalar) = decoder.decode(&iterator) {
      (line, column) = scalar == "\n" ? (line + 1, 1) : (line, column + 1)
    }
    return (line, column)
  }
}
