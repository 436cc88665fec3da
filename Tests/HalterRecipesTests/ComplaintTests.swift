import Foundation
import HalterRecipes
import Testing

/// What users of other tools complain of most, as far as the recipe language answers it. The
/// numbers are those of the list of 25 complaints; runs and data have tests of their own.
@Suite struct ComplaintTests {
  /// 1, typos silently ignored: a run used defaults where its file asked for something else.
  @Test func complaint1NoKeyIsIgnored() {
    // The misspelling that another tool takes without a word, leaving both keys unset.
    #expect(
      messages("adapter: {lora_rank: 64, lora_alfa: 128}") == [
        #"unknown key "lora_rank" in adapter; it is called "rank" here"#,
        #"unknown key "lora_alfa" in adapter; did you mean "alpha"?"#,
      ])
    #expect(messages("", ["train.batch_sise=4"]).count == 1)
    #expect(messages("", ["nosuch.section.at.all=4"]).count == 1)
  }

  /// 2, "how do I say what data to train on?": a path in the recipe, relative to the recipe.
  @Test func complaint2DataIsAPathInTheRecipe() throws {
    let folder = try RecipeFolder()
    try folder.write(
      "method: sft\nmodel: small\ndata: {train: rows.jsonl}\n", to: "deep/down/r.yaml")
    let recipe = try folder.load("deep/down/r.yaml").recipe
    #expect(recipe.data.train.map(\.path.absolute) == [folder.url.path + "/deep/down/rows.jsonl"])
    let thrown = #expect(throws: RecipeErrors.self) {
      try folder.load("deep/down/r.yaml").checkFiles()
    }
    #expect(thrown?.description.contains("r.yaml:3:15: data.train.0.path: there is no") == true)
  }

  /// 3, silent truncation: what becomes of long rows is said in the recipe, and is never a cut
  /// unless one is asked for.
  @Test func complaint3NothingIsCutUnasked() throws {
    #expect(try recipe().data.onOverflow == .drop)
    #expect(messages("", ["data.on_overflow=truncate"]).first?.contains("truncate_turns") == true)
    #expect(try load(minimal).resolved().contains("on_overflow: drop  # default"))
  }

  /// 7, another template at inference: the template is the checkpoint's own unless the recipe says
  /// otherwise, and one that does not exist is refused beforehand.
  @Test func complaint7TheTemplateIsTheCheckpoints() throws {
    #expect(try recipe().template == nil)
    let thrown = #expect(throws: RecipeErrors.self) {
      try load(minimal + "template: qwen99\n").checkFiles()
    }
    #expect(thrown?.description.contains("there is no chat template \"qwen99\"") == true)
  }

  /// 22, dataset weights: a source says how often an epoch draws its rows.
  @Test func complaint22SourcesHaveWeights() throws {
    let text = """
      method: sft
      model: small
      data: {train: [{path: a.jsonl, weight: 0.5}, {path: b.jsonl, weight: 2}, c.jsonl]}
      """
    #expect(try load(text).recipe.data.train.map(\.weight) == [0.5, 2, 1])
    #expect(errors(text.replacing("0.5", with: "0")).contains("weight: expected a number"))
  }

  /// 23, hidden options and defaults: every key is documented with its default, and the resolved
  /// recipe prints all of them.
  @Test(arguments: HalterRecipes.Method.allCases)
  func complaint23NothingIsHidden(_ method: HalterRecipes.Method) throws {
    let text = try load(minimal.replacing("sft", with: method.rawValue)).resolved()
    let keys = RecipeReference.keys(of: method)
    for key in keys where !key.path.contains(".") && key.path != "extends" {
      #expect(text.contains("\n\(key.path):") || text.hasPrefix("\(key.path):"))
      for below in keys where below.path.hasPrefix(key.path + ".") {
        let depth = below.path.count { $0 == "." }
        let isOptional = ["adapter.", "data.fim.", "model.quantize."].contains {
          below.path.hasPrefix($0)
        }
        guard depth == 1, !isOptional, let name = below.path.split(separator: ".").last else {
          continue
        }
        #expect(text.contains("\n  \(name):"), "\(below.path)")
      }
    }
    for key in keys {
      #expect(RecipeReference.explain(key.path, of: method).map(\.path) == [key.path])
    }
  }

  /// 25, see what it writes: prompts in the recipe, answered at each evaluation.
  @Test func complaint25PromptsArePartOfTheRecipe() throws {
    #expect(try recipe("eval: {samples: [Why?]}").eval.samples == ["Why?"])
    #expect(messages("eval: {samples: Why?}").first?.contains("a list of prompts") == true)
  }
}
