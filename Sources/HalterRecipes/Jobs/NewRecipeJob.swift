import Foundation
import HalterFormats

/// Writes a first recipe, with rows to try it on.
public struct NewRecipeJob {
  /// The model that is named where the user names none.
  public static let usualModel = "smollm2-135m-instruct"

  private let method: HalterRecipes.Method
  private let model: String
  private let data: String?
  private let place: Workplace

  /// A job for a recipe of `method`.
  ///
  /// - Parameters:
  ///   - model: a name that `halter model list` knows, or a path.
  ///   - data: a file of rows; nil for example rows beside the recipe.
  ///   - place: where relative paths begin.
  public init(
    method: HalterRecipes.Method, model: String, data: String?, in place: Workplace
  ) {
    self.method = method
    self.model = model
    self.data = data
    self.place = place
  }

  /// The recipe, for a file that the user will choose.
  /// - Throws: `RecipeErrors` if the model or the data cannot be named so in a recipe.
  public func text() throws(RecipeErrors) -> String {
    let starter = RecipeStarter(
      method: method, name: method.rawValue, model: model, data: data ?? "train.jsonl")
    return try starter.text(file: "\(method.rawValue).yaml")
  }

  /// Writes the recipe to `output`, and example rows beside it unless the user named data.
  ///
  /// - Returns: the files that were written.
  /// - Throws: `FormatError` if one of them exists or cannot be written; then neither is.
  public func write(to output: String) throws -> [URL] {
    let recipe = place.url(output).standardizedFileURL
    let name = recipe.deletingPathExtension().lastPathComponent
    let folder = recipe.deletingLastPathComponent()
    let rows = folder.appending(path: "\(name).jsonl")
    let starter = RecipeStarter(
      method: method, name: name, model: path(model, from: folder),
      data: data.map { path($0, from: folder) } ?? rows.lastPathComponent)
    let text = try starter.text(file: output)
    let files = data == nil ? [(rows, starter.exampleRows), (recipe, text)] : [(recipe, text)]
    for (url, _) in files where FileManager.default.fileExists(atPath: url.path) {
      throw FormatError(
        .fileExists, "exists already, and is not overwritten",
        mend: "Choose another --output, or move that file away", path: url.path)
    }
    for (url, text) in files { try AtomicWrite.write(text, to: url, overwrite: false) }
    return files.map(\.0)
  }

  /// A path that was typed in the folder of the command, as a recipe in `folder` says it. What is
  /// no path, as the name of a model, stays as it is.
  private func path(_ typed: String, from folder: URL) -> String {
    let target = place.url(typed).standardizedFileURL
    let exists = FileManager.default.fileExists(atPath: target.path)
    let isHere = folder.standardizedFileURL.path == place.folder.standardizedFileURL.path
    guard typed.contains("/") || exists, !isHere, !typed.hasPrefix("hf:"), !typed.hasPrefix("/")
    else { return typed }
    return target.path
  }
}
