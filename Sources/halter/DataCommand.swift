import ArgumentParser
import HalterRecipes

/// `halter data`.
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Shows, counts and converts training data.",
    subcommands: [Preview.self, Stats.self, Prepare.self, Convert.self])
}

/// The recipe whose data a command works on.
struct RecipeDataOptions: ParsableArguments {
  @Argument(help: "The recipe file.")
  var recipe: String
  @Argument(help: "Overrides: key.path=value.")
  var overrides: [String] = []

  /// The recipe.
  func load() throws -> LoadedRecipe {
    try RecipeLoader.load(path: recipe, overrides: overrides)
  }
}
