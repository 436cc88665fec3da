import ArgumentParser
import Foundation
import HalterRecipes

/// `halter recipe`.
struct RecipeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recipe",
    abstract: "Finds, begins, checks, shows and explains recipes.",
    subcommands: [
      List.self, New.self, Check.self, Show.self, Explain.self, Schema.self,
    ])

  /// `halter recipe check`.
  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Checks a recipe and the files it names; prints every fault.",
      discussion: "Example:\n  halter recipe check recipes/sft-lora.yaml train.seed=7")

    @Argument(help: "The recipe file.")
    var recipe: String
    @Argument(help: "Overrides: key.path=value.")
    var overrides: [String] = []

    func run() throws {
      let loaded = try RecipeLoader.load(path: recipe, overrides: overrides)
      try loaded.checkFiles()
      let stored = loaded.isAsStored.map {
        $0 ? ", as it was stored" : ", changed since it was stored"
      }
      try printLine("\(recipe): ok\(overrides.isEmpty ? stored ?? "" : "")")
    }
  }

  /// `halter recipe show`.
  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints a recipe, as written or with every default filled in.",
      discussion: "Example:\n  halter recipe show recipes/sft-lora.yaml --resolved --origin")

    @Argument(help: "The recipe file.")
    var recipe: String
    @Argument(help: "Overrides: key.path=value.")
    var overrides: [String] = []
    @Flag(name: .long, help: "Fill in every default; the output is itself a recipe.")
    var resolved = false
    @Flag(name: .long, help: "Say where each value comes from.")
    var origin = false

    func run() throws {
      let loaded = try RecipeLoader.load(path: recipe, overrides: overrides)
      let isPlain = !resolved && !origin && overrides.isEmpty
      let text = isPlain ? loaded.text : loaded.resolved(showingOrigins: origin)
      try printText(text)
    }
  }
}
