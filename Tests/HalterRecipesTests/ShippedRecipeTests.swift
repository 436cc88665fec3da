import Foundation
import HalterRecipes
import Testing

/// The recipes of the repository.
@Suite struct ShippedRecipeTests {
  static let names = ["sft-lora.yaml", "tiny.yaml", "reward-helpful.yaml", "reward-safety.yaml"]

  private let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("recipes").path

  private func text(_ name: String) throws -> String {
    try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
  }

  @Test func loraTeachesTheRealModel() throws {
    let recipe = try RecipeLoader.load(path: "\(folder)/sft-lora.yaml").recipe
    #expect(recipe.method == .sft)
    #expect(recipe.model.base == .name("smollm2-135m-instruct"))
    #expect(recipe.adapter?.rank == 16)
    #expect(recipe.adapter?.targets == .allLinear)
    #expect(
      recipe.data.train.first?.path.absolute.hasSuffix("/datasets/handbook/train.jsonl") == true)
    #expect(recipe.train.epochs == 2)
    #expect(recipe.data.validation?.sources.count == 1)
    #expect(recipe.train.warmup == .share(0.05))
    #expect(recipe.eval.samples.count == 2)
  }

  @Test func tinyTrainsEveryWeightFromScratch() throws {
    let recipe = try RecipeLoader.load(path: "\(folder)/tiny.yaml").recipe
    #expect(recipe.model.initialization == .random)
    #expect(recipe.adapter == nil)
    guard case .path(let path) = recipe.model.base else {
      Issue.record("the model is no path")
      return
    }
    #expect(path.absolute.hasSuffix("/recipes/tiny"))
  }

  @Test(arguments: ["helpful", "safety"])
  func rewardModelsLearnThePreferencesOfTheRepository(_ name: String) throws {
    let recipe = try RecipeLoader.load(path: "\(folder)/reward-\(name).yaml").recipe
    #expect(recipe.method == .reward)
    #expect(recipe.reward.margin == .levels(.small))
    #expect(
      recipe.data.train.first?.path.absolute.hasSuffix("/preference-\(name)/train.jsonl") == true)
    #expect((recipe.reward.safety > 0) == (name == "safety"))
  }

  @Test(arguments: names)
  func theHeadCommentHasTheCommand(_ name: String) throws {
    let head = try text(name).split(separator: "\n").prefix { $0.hasPrefix("#") }
    #expect(head.contains("#   halter run recipes/\(name)"))
  }

  @Test(arguments: names)
  func theResolvedRecipeIsTheSame(_ name: String) throws {
    let loaded = try RecipeLoader.load(path: "\(folder)/\(name)")
    #expect(try load(loaded.resolved()).recipe == loaded.recipe)
  }
}
