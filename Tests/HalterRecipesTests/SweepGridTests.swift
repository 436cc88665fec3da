import Foundation
import Testing

@testable import HalterRecipes

/// The combinations of a sweep.
@Suite struct SweepGridTests {
  private func names(_ arguments: String...) -> [String] {
    let grid = SweepGrid(arguments)
    #expect(grid.issues.isEmpty)
    return grid.combinations.map(\.name)
  }

  private func faults(_ arguments: String...) -> [String] {
    SweepGrid(arguments).issues.map(\.description)
  }

  @Test func everyCombinationIsThere() {
    let grid = SweepGrid(["train.learning_rate=1e-4,2e-4", "train.steps=5", "adapter.rank=4,8,16"])
    #expect(
      grid.combinations.map(\.name) == [
        "learning_rate=1e-4,rank=4", "learning_rate=1e-4,rank=8", "learning_rate=1e-4,rank=16",
        "learning_rate=2e-4,rank=4", "learning_rate=2e-4,rank=8", "learning_rate=2e-4,rank=16",
      ])
    #expect(
      grid.combinations[3].overrides.map(\.assignment)
        == ["train.learning_rate=2e-4", "train.steps=5", "adapter.rank=4"])
    #expect(grid.combinations[3].settings.map(\.key) == ["train.learning_rate", "adapter.rank"])
    #expect(grid.combinations[3].settings.map(\.value) == ["2e-4", "4"])
  }

  @Test func commasInBracketsBracesAndQuotesDoNotSplit() {
    let texts = { (argument: String) in
      SweepGrid([argument]).combinations.map { $0.settings[0].value }
    }
    #expect(
      texts("adapter.targets=all-linear,[q_proj,v_proj],[o_proj]")
        == ["all-linear", "[q_proj,v_proj]", "[o_proj]"])
    #expect(texts("adapter={rank: 4, alpha: 8},null") == ["{rank: 4, alpha: 8}", "null"])
    #expect(texts(#"eval.samples.0="a, b",'c, d',e"#) == [#""a, b""#, "'c, d'", "e"])
    #expect(texts("eval.samples.0=Don't,Do") == ["Don't", "Do"])
    #expect(texts(#"eval.samples.0="a\", b",c"#) == [#""a\", b""#, "c"])
    #expect(texts(#"eval.samples=["a,]b", c],[d]"#) == [#"["a,]b", c]"#, "[d]"])
  }

  @Test func onlyTheFirstEqualsSignSplits() {
    #expect(
      SweepGrid(["eval.samples.0=1=1,2=2"]).combinations.map { $0.settings[0].value }
        == ["1=1", "2=2"])
  }

  @Test func namesAreFileNamesAndDiffer() {
    #expect(
      names("data.train=../a/x.jsonl,b.jsonl")
        == ["train=.._a_x.jsonl", "train=b.jsonl"])
    #expect(
      names("adapter.targets=[q_proj,v_proj],[q_proj, v_proj]")
        == ["targets=q_proj+v_proj", "targets=q_proj+v_proj~2"])
    #expect(
      names("eval.every=1,2", "save.every=3,4").first == "eval.every=1,save.every=3")
    #expect(names("eval.samples.0=ä/b,\(String(repeating: "x", count: 90))")[1].count < 60)
  }

  @Test func faultsCiteTheArgument() {
    #expect(
      faults("train.seed=1,,2", "train.clip=1,2,1", "nonsense") == [
        """
        argument "train.seed=1,,2": a value is missing here: between commas, write one
            | train.seed=1,,2
            |              ^
        """,
        """
        argument "train.clip=1,2,1": "1" is given twice: keep one of them
            | train.clip=1,2,1
            |                ^
        """,
        """
        argument "nonsense": an override is written key.path=value: there is no =
            | nonsense
            | ^~~~~~~~
        """,
      ])
    #expect(
      faults("train.seed=1,2", "train.seed=3")[0].hasPrefix(
        #"argument "train.seed=3": train.seed is given before, in "train.seed=1,2": keep one"#))
    #expect(faults("output=a,b")[0].contains("name that by --output"))
    #expect(faults("train.betas=[1,2],[3")[0].contains("not valid YAML"))
  }

  @Test func somethingMustVary() {
    #expect(faults("train.seed=1")[0].hasPrefix("there is nothing to sweep"))
    #expect(faults()[0].hasPrefix("there is nothing to sweep"))
  }

  @Test func anAbsurdNumberOfRunsIsRefused() {
    let values = (1...40).map(String.init).joined(separator: ",")
    let grid = SweepGrid(["train.seed=\(values)", "train.steps=\(values)"])
    #expect(grid.issues.count == 1)
    #expect(grid.issues[0].message.contains("more than 1000 runs"))
    #expect(grid.combinations.isEmpty)
  }

  /// The value of a combination is the one that the decoder reports, at its own place.
  @Test func aWrongValueIsPointedAtInItsArgument() throws {
    let grid = SweepGrid(["train.seed=1,many,2"])
    let source = minimal
    var texts: [String] = []
    for combination in grid.combinations {
      do {
        let loaded = try RecipeLoader.load(
          text: source, name: "r.yaml", file: .init(fileURLWithPath: "/recipes/r.yaml"),
          overrides: combination.overrides, workingDirectory: "/")
        texts.append("\(loaded.recipe.train.seed) \(loaded.origin(of: "train.seed"))")
      } catch {
        texts.append(error.description)
      }
    }
    #expect(texts[0] == #"1 override("train.seed=1")"#)
    #expect(
      texts[1] == """
        argument "train.seed=1,many,2": train.seed: expected a whole number of at least 0, found \
        "many"
            | train.seed=1,many,2
            |              ^~~~
        """)
  }
}
