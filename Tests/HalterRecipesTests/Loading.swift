import Foundation
import HalterRecipes

/// The smallest recipe; tests add lines behind it.
let minimal = """
  method: sft
  model: small
  data: {train: rows.jsonl}

  """

/// Loads `text` as if it were /recipes/r.yaml, from the folder /home/user.
func load(_ text: String, _ overrides: [String] = []) throws(RecipeErrors) -> LoadedRecipe {
  try RecipeLoader.load(
    text: text, name: "r.yaml", file: URL(fileURLWithPath: "/recipes/r.yaml"),
    overrides: overrides, workingDirectory: "/home/user")
}

/// The recipe of `minimal` and `lines`.
func recipe(_ lines: String = "", _ overrides: [String] = []) throws(RecipeErrors) -> Recipe {
  try load(minimal + lines, overrides).recipe
}

/// The error text of `text`, or an empty one if there is none.
func errors(_ text: String, _ overrides: [String] = []) -> String {
  do {
    _ = try load(text, overrides)
    return ""
  } catch {
    return error.description
  }
}

/// The messages, without places, of `minimal` and `lines`.
func messages(_ lines: String, _ overrides: [String] = []) -> [String] {
  faults(of: minimal + lines, overrides)
}

/// The messages, without places, of `text`.
func faults(of text: String, _ overrides: [String] = []) -> [String] {
  do {
    _ = try load(text, overrides)
    return []
  } catch {
    return error.issues.map(\.message)
  }
}
