import Foundation
import HalterTokenizers

/// Where a value of a recipe comes from.
public enum RecipeOrigin: Sendable, Equatable {
  /// This line of the recipe file, or of one that it extends.
  case file(name: String, line: Int)
  /// An override argument.
  case override(String)
  /// The schema.
  case byDefault
  /// The data: what `auto` in the recipe was found to be.
  case found

  /// The origin as a comment says it.
  var comment: String {
    switch self {
    case .file(let name, let line): "\(name):\(line)"
    case .override(let argument): "override \(argument)"
    case .byDefault: "default"
    case .found: "found in the data"
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
  /// The text of the file, without what it extends and the overrides.
  public let text: String
  let places: [String: RecipePlace]
  /// Keys whose value was found in the data.
  private(set) var found: Set<String> = []

  /// Where the value of the key `path` comes from; entries of lists are numbered from 0.
  public func origin(of path: String) -> RecipeOrigin {
    if found.contains(path) { return .found }
    guard let place = places[path] else { return .byDefault }
    switch place.source.kind {
    case .file: return .file(name: place.source.name, line: place.line)
    case .argument(_, let assignment): return .override(assignment)
    }
  }

  /// Every key with its value, as a recipe that decodes to an equal recipe wherever it lies, all
  /// its paths being absolute.
  ///
  /// - Parameter showingOrigins: true to say behind each value where it comes from.
  /// - Returns: the text, with a line break at its end.
  public func resolved(showingOrigins: Bool = true) -> String {
    var emitter = RecipeEmitter(method: recipe.method) { path in
      showingOrigins ? origin(of: path).comment : nil
    }
    emitter.write(RecipeCodec<Recipe>.written(recipe))
    return emitter.lines.joined(separator: "\n") + "\n"
  }

  /// The recipe with the layouts that its sources were found to have, in their order, where it left
  /// them to be found. So a stored recipe reads its data in one way only.
  func naming(layouts: [String], ofValidation others: [String]) -> LoadedRecipe {
    var named = self
    func name(_ sources: [SourceRecipe], _ layouts: [String], _ key: String) -> [SourceRecipe] {
      var sources = sources
      guard layouts.count == sources.count else { return sources }
      for index in sources.indices where sources[index].layout == .auto {
        guard let layout = SourceRecipe.Layout(rawValue: layouts[index]) else { continue }
        sources[index].layout = layout
        named.found.insert("\(key).\(index).layout")
      }
      return sources
    }
    named.recipe.data.train = name(recipe.data.train, layouts, "data.train")
    if case .sources(let sources)? = recipe.data.validation {
      named.recipe.data.validation = .sources(name(sources, others, "data.validation"))
    }
    return named
  }

  /// Refuses the recipe if something that it names is not there: data, an adapter to start from,
  /// a model given by its path, a chat template.
  ///
  /// - Throws: an issue for each, at the place that names it; of kind `.missingFile` for files.
  public func checkFiles() throws(RecipeErrors) {
    var issues: [RecipeIssue] = []
    let templates = ChatTemplate.Kind.allCases.map(\.rawValue)
    if let template = recipe.template, !templates.contains(template) {
      let near = Suggestion.nearest(to: template, among: templates)
      issues.append(
        RecipeIssue(
          "template: there is no chat template \(quote(template)): expected "
            + alternatives(templates) + (near.map { "; did you mean \"\($0)\"?" } ?? ""),
          at: places["template"]))
    }
    for (key, path) in recipe.inputs where !path.isThere {
      let isPattern = path.text.contains { "*?[".contains($0) }
      let fault = isPattern ? "no file matches" : "there is no"
      issues.append(
        RecipeIssue(
          "\(key): \(fault) \"\(RecipePlace.printable(path.absolute))\"", at: places[key],
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
