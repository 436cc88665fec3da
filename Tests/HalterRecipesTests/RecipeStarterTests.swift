import Foundation
import HalterRecipes
import Testing

/// First recipes, written from the schema.
@Suite struct RecipeStarterTests {
  private func starter(_ method: HalterRecipes.Method) -> RecipeStarter {
    RecipeStarter(method: method, name: "my", model: "small", data: "rows.jsonl")
  }

  /// A starter with every key behind a `#` put in force.
  private func whole(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map {
      String($0).replacing(/^( *)#(\w+:)/) { "\($0.1)\($0.2)" }
    }.joined(separator: "\n")
  }

  @Test(arguments: HalterRecipes.Method.allCases)
  func itIsSound(_ method: HalterRecipes.Method) throws {
    let text = try starter(method).text(file: "my.yaml")
    let recipe = try load(text).recipe
    #expect(recipe.method == method)
    #expect(recipe.model.base == .name("small"))
    #expect(recipe.data.train.map(\.path.text) == ["rows.jsonl"])
    #expect(recipe.output.text == "runs/my")
    #expect(text.contains("#   halter run my.yaml\n"))
  }

  @Test(arguments: HalterRecipes.Method.allCases)
  func theKeysBehindAMarkHaveTheirDefaults(_ method: HalterRecipes.Method) throws {
    let text = try starter(method).text(file: "my.yaml")
    let all = whole(text)
    #expect(all != text)
    #expect(try load(all).recipe == load(text).recipe)
  }

  @Test(arguments: HalterRecipes.Method.allCases)
  func everyKeyIsThereWithItsMeaning(_ method: HalterRecipes.Method) throws {
    let text = try starter(method).text(file: "my.yaml")
    let words = text.replacing(#/\n *# /#, with: " ")
    // Keys in a list or in a section that is null by default are left to `recipe explain`.
    for key in RecipeReference.keys(of: method)
    where !key.path.contains("N") && !key.path.contains(".fim.")
      && !key.path.contains(".quantize.") && !key.path.contains(".margin.") && key.path != "extends"
    {
      let name = try #require(key.path.split(separator: ".").last)
      #expect(text.contains(try Regex("(?m)^ *#?\(name):")), "\(key.path)")
      #expect(words.contains(key.meaning), "\(key.path)")
    }
  }

  @Test func linesFitAndEndClean() throws {
    for line in try starter(.sft).text(file: "my.yaml").split(separator: "\n") {
      #expect(line.count <= 100, "\(line)")
      #expect(!line.hasSuffix(" "))
    }
  }

  @Test func pathsThatNeedQuotesGetThem() throws {
    let starter = RecipeStarter(
      method: .sft, name: "my", model: "./a model", data: "rows #1: all.jsonl")
    let recipe = try load(starter.text(file: "my.yaml")).recipe
    #expect(recipe.data.train.map(\.path.text) == ["rows #1: all.jsonl"])
    guard case .path(let path) = recipe.model.base else {
      Issue.record("the model is no path")
      return
    }
    #expect(path.text == "./a model")
  }

  @Test func whatCannotBeAPathIsRefused() {
    #expect(throws: RecipeErrors.self) {
      try RecipeStarter(method: .sft, name: "my", model: "~/m", data: "x").text(file: "my.yaml")
    }
  }

  @Test(arguments: HalterRecipes.Method.allCases)
  func theExampleRowsAreJSON(_ method: HalterRecipes.Method) throws {
    let rows = starter(method).exampleRows.split(separator: "\n")
    #expect(rows.count == 10)
    for row in rows {
      let object = try JSONSerialization.jsonObject(with: Data(row.utf8)) as? [String: Any]
      let column =
        switch method {
        case .sft: "messages"
        case .pretrain: "text"
        case .reward: "rejected"
        }
      #expect(object?[column] != nil)
    }
  }
}
