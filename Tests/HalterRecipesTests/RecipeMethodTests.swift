import Foundation
import HalterRecipes
import Testing

/// The closed schema of each method.
@Suite struct RecipeMethodTests {
  static let pretrain = minimal.replacing("sft", with: "pretrain")

  @Test func pretrainHasItsDefaults() throws {
    let recipe = try load(Self.pretrain).recipe
    #expect(recipe.method == .pretrain)
    #expect(recipe.data.onOverflow == .split)
    #expect(recipe.data.trainOn == .all)
    #expect(try load(minimal).recipe.data.onOverflow == .drop)
  }

  @Test func aKeyOfAnotherMethodIsRefused() {
    #expect(
      errors(Self.pretrain + "template: chatml\ntrain: {steps: 5}\n", ["data.train_on=all"]) == """
        r.yaml:4:1: template belongs to the methods sft and reward, and the method of this \
        recipe is pretrain: delete it
          4 | template: chatml
            | ^~~~~~~~
        argument "data.train_on=all": data.train_on belongs to method sft, and the method of this \
        recipe is pretrain: delete it
            | data.train_on=all
            |      ^~~~~~~~
        """)
  }

  @Test func aMisspeltKeyOfAnotherMethodIsToldFromItsOwn() {
    #expect(
      faults(of: Self.pretrain + "tempalte: chatml\nadapetr: lora\n") == [
        #"unknown key "tempalte"; there is "template", but it belongs to the methods sft and reward"#,
        #"unknown key "adapetr"; did you mean "adapter"?"#,
      ])
  }

  @Test func aValueOfAnotherMethodIsRefused() {
    #expect(
      faults(of: Self.pretrain, ["data.on_overflow=truncate_turns"]) == [
        #"data.on_overflow: expected split, drop or error, found "truncate_turns"; it is not "#
          + "for method pretrain"
      ])
    #expect(
      messages("", ["data.on_overflow=split"]) == [
        "data.on_overflow: expected drop, error, truncate_turns or truncate_left, found \"split\"; "
          + "it is not for method sft"
      ])
    #expect(
      faults(of: Self.pretrain, ["data.train.0.layout=messages"])
        == [
          #"data.train.0.layout: expected auto or text, found "messages"; it is not for method "#
            + "pretrain"
        ])
  }

  @Test func withoutAMethodTheKeysOfAllAreRead() {
    let text = """
      method: sfft
      model: small
      template: chatml
      data: {train: rows.jsonl, on_overflow: whatever, train_on: everything}
      """
    #expect(
      faults(of: text) == [
        #"method: expected sft, pretrain or reward, found "sfft"; did you mean "sft"?"#,
        "data.train_on: expected assistant, last, completion or all, found \"everything\"",
      ])
  }

  @Test func theMethodMayComeFromAnOverride() throws {
    #expect(try load(minimal, ["method=pretrain"]).recipe.data.onOverflow == .split)
  }

  @Test func theResolvedRecipeHasTheKeysOfItsMethod() throws {
    let loaded = try load(Self.pretrain + "train: {steps: 5}\n")
    let text = loaded.resolved()
    #expect(!text.contains("template"))
    #expect(!text.contains("train_on"))
    #expect(text.contains("  on_overflow: split  # default\n"))
    #expect(text.components(separatedBy: "on_overflow:").count == 2)
    #expect(try load(text).recipe == loaded.recipe)
  }

  @Test(arguments: HalterRecipes.Method.allCases)
  func everyMethodIsDocumented(_ method: HalterRecipes.Method) {
    #expect(method.meaning.hasSuffix("."))
    let paths = RecipeReference.keys(of: method).map(\.path)
    #expect(Set(paths).count == paths.count, "a key has two rows for one method")
  }

  @Test func keysAreExplainedPerMethod() {
    #expect(RecipeReference.explain("template", of: .pretrain).isEmpty)
    #expect(RecipeReference.explain("template").map(\.methods) == [[.sft, .reward]])
    #expect(
      RecipeReference.explain("on_overflow", of: .pretrain).map(\.defaultText) == ["split"])
    #expect(RecipeReference.explain("on_overflow").count == 3)
  }
}
