import Testing

@testable import HalterRecipes

/// The word that was most likely meant.
@Suite struct RecipeSuggestionTests {
  @Test(arguments: [
    ("abc", "abc", 0), ("abc", "ab", 1), ("abc", "acb", 1), ("abc", "xyz", 3), ("", "abc", 3),
    ("ca", "abc", 3), ("kitten", "sitting", 3),
  ])
  func distancesAreCounted(_ left: String, _ right: String, _ distance: Int) {
    #expect(
      Suggestion.distance(Array(left.unicodeScalars), Array(right.unicodeScalars)) == distance)
    #expect(
      Suggestion.distance(Array(right.unicodeScalars), Array(left.unicodeScalars)) == distance)
  }

  @Test func caseAndDashesAreNoDifference() {
    #expect(
      Suggestion.nearest(to: "Batch-Tokens", among: ["batch_size", "batch_tokens"])
        == "batch_tokens")
  }

  @Test func aBeginningIsEnough() {
    let keys = TrainRecipe.keys.map(\.name)
    #expect(Suggestion.nearest(to: "sched", among: keys) == "schedule")
    #expect(Suggestion.nearest(to: "batch", among: keys) == nil)
    #expect(Suggestion.nearest(to: "se", among: ["settled"]) == nil)
  }

  @Test func farWordsAreNotSuggested() {
    #expect(Suggestion.nearest(to: "quantize", among: Recipe.keys.map(\.name)) == nil)
    #expect(Suggestion.nearest(to: "x", among: ["y"]) == nil)
    #expect(Suggestion.nearest(to: "", among: ["a"]) == nil)
    #expect(Suggestion.nearest(to: "a", among: []) == nil)
  }

  @Test func aliasesAreNoKeys() {
    for (path, keys) in SchemaSection.all.map({ ($0.testDescription, $0.keys) }) {
      let names = keys.map(\.name)
      #expect(Set(names).count == names.count, "\(path) has a key twice")
      let aliases = keys.flatMap(\.aliases)
      #expect(Set(aliases).count == aliases.count, "\(path) has an alias twice")
      #expect(Set(aliases).isDisjoint(with: names), "\(path) has a key as an alias")
    }
  }
}
