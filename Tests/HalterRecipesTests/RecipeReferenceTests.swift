import HalterRecipes
import Testing

/// The documentation of the keys.
@Suite struct RecipeReferenceTests {
  @Test func aPathIsExplained() throws {
    let key = try #require(RecipeReference.explain("train.learning_rate").first)
    #expect(key.path == "train.learning_rate")
    #expect(key.type == "a number greater than 0 and at most 1")
    #expect(key.defaultText == "2e-4, and 1e-4 for reward")
    #expect(key.meaning == "The peak of the learning rate.")
  }

  @Test func theLastPartIsEnough() {
    #expect(RecipeReference.explain("learning_rate").map(\.path) == ["train.learning_rate"])
    #expect(RecipeReference.explain("every").map(\.path) == ["eval.every", "save.every"])
    #expect(RecipeReference.explain("schedule.floor").map(\.path) == ["train.schedule.floor"])
  }

  @Test func aSectionIsFoundBeforeItsNamesakes() {
    #expect(RecipeReference.explain("train").map(\.path) == ["train"])
  }

  @Test func entriesOfListsAreFoundByAnyNumber() {
    #expect(RecipeReference.explain("data.train.3.path").map(\.path) == ["data.train.N.path"])
  }

  @Test func anUnknownKeyHasASuggestion() {
    #expect(RecipeReference.explain("train.lerning_rate").isEmpty)
    #expect(RecipeReference.suggestion(for: "train.lerning_rate") == "train.learning_rate")
    #expect(RecipeReference.suggestion(for: "lerning_rate") == "learning_rate")
    #expect(RecipeReference.suggestion(for: "frobnicate") == nil)
  }

  @Test func onlyTheMandatoryKeysHaveNoDefault() {
    #expect(
      RecipeReference.keys.filter { $0.defaultText == nil }.map(\.path) == [
        "method", "model", "model.base", "data", "data.train", "data.train.N.path",
        "data.validation.N.path",
      ])
  }

  @Test func everyKeyIsDocumentedInOneSentence() {
    for key in RecipeReference.keys {
      #expect(key.meaning.hasSuffix("."), "\(key.path)")
      #expect(key.meaning.first?.isUppercase == true, "\(key.path)")
      #expect(!key.type.isEmpty, "\(key.path)")
    }
  }

  /// A default that is recipe text, given as a value, changes nothing.
  @Test func documentedDefaultsAreTheTrueOnes() throws {
    let text = """
      method: sft
      model: {base: small, quantize: nf4}
      adapter: lora
      data: {train: rows.jsonl, fim: {rate: 0.5}}
      """
    let plain = try load(text).recipe
    var tried = 0
    for key in RecipeReference.keys(of: .sft) {
      guard let value = key.defaultText, !value.contains(" ") || value.hasPrefix("["),
        !key.path.contains("N"), !["adapter", "data.fim", "model.quantize"].contains(key.path)
      else { continue }
      #expect(try load(text, ["\(key.path)=\(value)"]).recipe == plain, "\(key.path)")
      tried += 1
    }
    #expect(tried > 20)
  }
}
