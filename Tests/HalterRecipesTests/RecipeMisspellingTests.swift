import Testing

@testable import HalterRecipes

/// A section of a method's schema with the path by which overrides reach it.
struct SchemaSection: Sendable, CustomTestStringConvertible {
  let method: HalterRecipes.Method
  let path: String
  let keys: [RecipeKeyEntry]

  var testDescription: String { "\(method.rawValue): \(path.isEmpty ? "the top level" : path)" }

  /// A recipe of the method; tests add to it.
  var minimal: String { HalterRecipesTests.minimal.replacing("sft", with: method.rawValue) }

  /// Every section, read from the tables that decode recipes; an entry of a list is its first.
  static let all = HalterRecipes.Method.allCases.flatMap { sections(of: Recipe.keys, $0, "") }

  private static func sections(
    of keys: [RecipeKeyEntry], _ method: HalterRecipes.Method, _ path: String
  ) -> [SchemaSection] {
    let own = keys.filter { $0.methods.contains(method) }
    return [SchemaSection(method: method, path: path, keys: own)]
      + own.flatMap {
        sections(in: $0.shape, method, path.isEmpty ? $0.name : "\(path).\($0.name)")
      }
  }

  private static func sections(
    in shape: RecipeShape, _ method: HalterRecipes.Method, _ path: String
  ) -> [SchemaSection] {
    switch shape {
    case .leaf: []
    case .list(let element, _, _): sections(in: element, method, path + ".0")
    case .either(_, let shape): sections(in: shape, method, path)
    case .section(_, let keys): sections(of: keys(), method, path)
    }
  }
}

/// Every misspelling by one edit of every key of the schema, where the key belongs, is caught and
/// answered with the right key. Generated from the schema, so that no key is forgotten.
@Suite struct RecipeMisspellingTests {
  /// The letters that are put in: frequent and rare ones, and what else keys are made of.
  static let letters = Array("aestxz_0")

  /// All words that one edit makes of `word`: a letter left out, two neighbours swapped, a letter
  /// replaced or put in, at every position.
  static func misspellings(of word: String) -> Set<String> {
    let original = Array(word)
    var words: Set<String> = []
    func add(_ edit: (inout [Character]) -> Void) {
      var edited = original
      edit(&edited)
      words.insert(String(edited))
    }
    for index in original.indices {
      add { $0.remove(at: index) }
      add { $0.insert($0[index], at: index) }
      if index + 1 < original.count { add { $0.swapAt(index, index + 1) } }
      for letter in letters { add { $0[index] = letter } }
    }
    for index in 0...original.count {
      for letter in letters { add { $0.insert(letter, at: index) } }
    }
    return words.subtracting([word])
  }

  /// Sections that a later method has just as an earlier one are looked at once.
  static let sections = SchemaSection.all.enumerated().filter { index, section in
    !SchemaSection.all[..<index].contains {
      $0.path == section.path && $0.keys.map(\.name) == section.keys.map(\.name)
    }
  }.map(\.element)

  @Test(arguments: sections)
  func everyMisspellingIsCaught(_ section: SchemaSection) {
    // A misspelling that is another key of the section cannot be told from that key, and one that
    // is another tool's name for a key is answered with that key.
    let known = Set(section.keys.map(\.name) + section.keys.flatMap(\.aliases))
    for key in section.keys {
      let words = Self.misspellings(of: key.name).subtracting(known).sorted()
      let prefix = section.path.isEmpty ? "" : section.path + "."
      let found = faults(of: section.minimal, words.map { prefix + $0 + "=1" })
      for word in words {
        let start = "unknown key \"\(word)\""
        let answers = found.filter { $0.hasPrefix(start) }
        #expect(answers.count == 1, "\(prefix)\(word): \(answers)")
        // A word that is one edit from two keys, as "ecompute", may be answered with either.
        let near = section.keys.map(\.name).filter {
          Suggestion.distance(Array(word.unicodeScalars), Array($0.unicodeScalars)) <= 1
        }
        let isAnswered = near.contains {
          answers.first?.hasSuffix("did you mean \"\($0)\"?") == true
        }
        #expect(isAnswered && near.contains(key.name), "\(prefix)\(word): \(answers)")
      }
    }
  }

  @Test(arguments: HalterRecipes.Method.allCases)
  func theTableOfSectionsIsComplete(_ method: HalterRecipes.Method) {
    let documented = Set(
      RecipeReference.keys(of: method).map { $0.path.replacing(".N", with: ".0") })
    let tested = SchemaSection.all.filter { $0.method == method }.flatMap { section in
      section.keys.map { (section.path.isEmpty ? "" : section.path + ".") + $0.name }
    }
    #expect(documented == Set(tested))
    #expect(tested.count > 90)
  }

  @Test func theMisspellingsAreAllOfThem() {
    let words = Self.misspellings(of: "rank")
    for word in ["ank", "rak", "ranks", "arnk", "rnak", "zank", "ran_", "0rank", "raank"] {
      #expect(words.contains(word))
    }
    #expect(!words.contains("rank"))
    #expect(words.count > 70)
  }
}
