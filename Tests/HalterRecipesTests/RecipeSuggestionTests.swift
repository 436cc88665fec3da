import Testing

@testable import HalterRecipes

/// Slips of the hand in keys.
@Suite struct RecipeSuggestionTests {
  /// Every section of the schema: its path as overrides write it, and its keys.
  static let sections: [(path: String, keys: [RecipeKeyEntry])] = [
    ("", Recipe.keys), ("model", ModelRecipe.keys), ("adapter", AdapterRecipe.keys),
    ("data", DataRecipe.keys), ("data.train.0", SourceRecipe.keys), ("train", TrainRecipe.keys),
    ("train.schedule", ScheduleRecipe.keys), ("eval", EvalRecipe.keys), ("save", SaveRecipe.keys),
  ]

  /// `word` with one letter deleted, or two neighbours swapped.
  static func slips(of word: String) -> Set<String> {
    let letters = Array(word)
    var slips: Set<String> = []
    for index in letters.indices {
      var deleted = letters
      deleted.remove(at: index)
      slips.insert(String(deleted))
      if index + 1 < letters.count {
        var swapped = letters
        swapped.swapAt(index, index + 1)
        slips.insert(String(swapped))
      }
    }
    return slips.subtracting([word])
  }

  /// `word` with one letter doubled or replaced.
  static func blots(of word: String) -> Set<String> {
    let letters = Array(word)
    var blots: Set<String> = []
    for index in letters.indices {
      var doubled = letters
      doubled.insert(letters[index], at: index)
      blots.insert(String(doubled))
      var replaced = letters
      replaced[index] = "z"
      blots.insert(String(replaced))
    }
    return blots.subtracting([word])
  }

  @Test(arguments: sections.indices)
  func everySlipOfEveryKeyIsCaught(_ index: Int) {
    let (path, keys) = Self.sections[index]
    for key in keys {
      for slip in Self.slips(of: key.name).union(Self.blots(of: key.name)) {
        let argument = (path.isEmpty ? "" : path + ".") + slip + "=1"
        let text = messages("", [argument]).joined(separator: "\n")
        let isSaid =
          text.contains("unknown key \"\(slip)\"")
          && (text.contains("did you mean \"\(key.name)\"?")
            || text.contains("it is called \"\(key.name)\" here"))
        #expect(isSaid, "\(argument): \(text)")
      }
    }
  }

  @Test func theTableOfSectionsIsComplete() {
    let documented = Set(
      RecipeReference.keys.map {
        $0.path.replacing("validation.N", with: "train.0").replacing("train.N", with: "train.0")
      })
    let tested = Set(
      Self.sections.flatMap { section in
        section.keys.map { (section.path.isEmpty ? "" : section.path + ".") + $0.name }
      })
    #expect(documented == tested)
  }

  @Test(arguments: [
    ("abc", "abc", 0), ("abc", "ab", 1), ("abc", "acb", 1), ("abc", "xyz", 3), ("", "abc", 3),
    ("ca", "abc", 3), ("kitten", "sitting", 3),
  ])
  func distancesAreCounted(_ left: String, _ right: String, _ distance: Int) {
    #expect(Suggestion.distance(Array(left), Array(right)) == distance)
    #expect(Suggestion.distance(Array(right), Array(left)) == distance)
  }

  @Test func caseAndDashesAreNoDifference() {
    #expect(
      Suggestion.nearest(to: "Batch-Tokens", among: ["batch_size", "batch_tokens"])
        == "batch_tokens")
  }

  @Test func farWordsAreNotSuggested() {
    #expect(Suggestion.nearest(to: "quantize", among: Recipe.keys.map(\.name)) == nil)
    #expect(Suggestion.nearest(to: "x", among: ["y"]) == nil)
    #expect(Suggestion.nearest(to: "", among: ["a"]) == nil)
    #expect(Suggestion.nearest(to: "a", among: []) == nil)
  }

  @Test func aliasesAreNoKeys() {
    for (path, keys) in Self.sections {
      let names = keys.map(\.name)
      #expect(Set(names).count == names.count, "\(path) has a key twice")
      let aliases = keys.flatMap(\.aliases)
      #expect(Set(aliases).count == aliases.count, "\(path) has an alias twice")
      #expect(Set(aliases).isDisjoint(with: names), "\(path) has a key as an alias")
    }
  }
}
