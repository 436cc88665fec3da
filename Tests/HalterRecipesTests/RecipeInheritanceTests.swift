import Foundation
import HalterRecipes
import Testing

/// Recipes that extend others.
@Suite struct RecipeInheritanceTests {
  private let folder: RecipeFolder

  init() throws { folder = try RecipeFolder() }

  static let base = """
    method: sft
    model: {base: small, init: random}
    data: {train: rows.jsonl, max_length: 128}
    train: {epochs: 3, batch_tokens: 512, learning_rate: 1e-4}
    """

  @Test func whatIsSaidHereWins() throws {
    try folder.write(Self.base, to: "base.yaml")
    try folder.write("extends: base.yaml\ntrain: {learning_rate: 3e-4, seed: 7}\n", to: "r.yaml")
    let recipe = try folder.load("r.yaml").recipe
    #expect(recipe.method == .sft)
    #expect(recipe.model.initialization == .random)
    #expect(recipe.train.learningRate == 3e-4)
    #expect(recipe.train.seed == 7)
    #expect(recipe.train.epochs == 3)
    #expect(recipe.data.maxLength == 128)
  }

  @Test func laterBasesWin() throws {
    try folder.write(Self.base, to: "a.yaml")
    try folder.write("train: {learning_rate: 2e-4, seed: 1}\n", to: "b.yaml")
    try folder.write("train: {seed: 2}\n", to: "c.yaml")
    try folder.write("extends: [a.yaml, b.yaml, c.yaml]\n", to: "r.yaml")
    let train = try folder.load("r.yaml").recipe.train
    #expect(train.epochs == 3)
    #expect(train.learningRate == 2e-4)
    #expect(train.seed == 2)
  }

  @Test func basesHaveBasesAndMayShareOne() throws {
    try folder.write(Self.base, to: "root.yaml")
    try folder.write("extends: root.yaml\ntrain: {seed: 1, clip: 2}\n", to: "a.yaml")
    try folder.write("extends: root.yaml\ntrain: {seed: 2}\n", to: "b.yaml")
    try folder.write("extends: [a.yaml, b.yaml]\n", to: "r.yaml")
    let train = try folder.load("r.yaml").recipe.train
    #expect(train.seed == 2)
    #expect(train.clip == 2)
  }

  @Test func listsAndScalarsAreReplacedWhole() throws {
    try folder.write(
      Self.base + "\nadapter: {rank: 4}\neval: {samples: [a, b]}\n", to: "base.yaml")
    try folder.write(
      "extends: base.yaml\nmodel: other\ndata: {train: [x, y]}\neval: {samples: [c]}\n"
        + "adapter: null\n", to: "r.yaml")
    let recipe = try folder.load("r.yaml").recipe
    #expect(recipe.model.base == .name("other"))
    #expect(recipe.model.initialization == .pretrained)
    #expect(recipe.data.train.map(\.path.text) == ["x", "y"])
    #expect(recipe.data.maxLength == 128)
    #expect(recipe.eval.samples == ["c"])
    #expect(recipe.adapter == nil)
  }

  @Test func aMappingJoinsWhatAScalarStandsFor() throws {
    try folder.write(
      Self.base.replacing("{base: small, init: random}", with: "small"), to: "base.yaml")
    try folder.write("extends: base.yaml\nmodel: {init: random}\n", to: "r.yaml")
    let model = try folder.load("r.yaml").recipe.model
    #expect(model.base == .name("small"))
    #expect(model.initialization == .random)
  }

  @Test func anAlternativeTakesThePlaceOfWhatTheBaseSays() throws {
    try folder.write(Self.base, to: "base.yaml")
    try folder.write("extends: base.yaml\ntrain: {steps: 9, batch_size: 2}\n", to: "r.yaml")
    let train = try folder.load("r.yaml").recipe.train
    #expect(train.steps == 9)
    #expect(train.epochs == nil)
    #expect(train.batchSize == 2)
    #expect(train.batchTokens == nil)
  }

  @Test func anAlternativeThatIsNullTakesNothingsPlace() throws {
    try folder.write(Self.base, to: "base.yaml")
    try folder.write("extends: base.yaml\ntrain: {steps: null}\n", to: "r.yaml")
    #expect(try folder.load("r.yaml").recipe.train.epochs == 3)
  }

  @Test func bothAlternativesInOneFileAreStillTwo() throws {
    try folder.write(Self.base, to: "base.yaml")
    try folder.write("extends: base.yaml\ntrain: {steps: 9, epochs: 1}\n", to: "r.yaml")
    #expect(folder.errors("r.yaml").contains("both say how long to train"))
  }

  @Test func pathsBeginWhereTheyAreWritten() throws {
    try folder.write(
      "method: sft\nmodel: ./m\ndata: {train: rows.jsonl}\noutput: o\n", to: "shared/base.yaml")
    try folder.write(
      "extends: ../shared/base.yaml\ndata: {validation: held.jsonl}\n", to: "mine/r.yaml")
    let recipe = try folder.load("mine/r.yaml", ["eval.samples.0=x"]).recipe
    let root = folder.url.path
    guard case .path(let model) = recipe.model.base else {
      Issue.record("the model is no path")
      return
    }
    #expect(model.absolute == root + "/shared/m")
    #expect(recipe.data.train.map(\.path.absolute) == [root + "/shared/rows.jsonl"])
    #expect(recipe.data.validation?.sources.map(\.path.absolute) == [root + "/mine/held.jsonl"])
    #expect(recipe.output.absolute == root + "/o")
  }

  @Test func theNameIsThatOfTheRecipeItself() throws {
    try folder.write(Self.base, to: "base.yaml")
    try folder.write("extends: base.yaml\n", to: "r.yaml")
    #expect(try folder.load("r.yaml").recipe.output.text == "runs/r")
  }

  @Test func originsNameTheFile() throws {
    try folder.write(Self.base, to: "shared/base.yaml")
    try folder.write("extends: ../shared/base.yaml\ntrain: {seed: 3}\n", to: "mine/r.yaml")
    let loaded = try folder.load("mine/r.yaml", ["train.clip=2"])
    #expect(loaded.origin(of: "train.epochs") == .file(name: "shared/base.yaml", line: 4))
    #expect(loaded.origin(of: "train.seed") == .file(name: "mine/r.yaml", line: 2))
    let text = loaded.resolved()
    #expect(text.contains("  epochs: 3  # shared/base.yaml:4\n"))
    #expect(text.contains("  seed: 3  # mine/r.yaml:2\n"))
    #expect(text.contains("  clip: 2  # override train.clip=2\n"))
    #expect(!text.contains("extends"))
    try folder.write(text, to: "resolved.yaml")
    #expect(try folder.load("resolved.yaml").recipe == loaded.recipe)
  }

  @Test func aByteOrderMarkIsNoPartOfABase() throws {
    try folder.write("\u{FEFF}" + Self.base, to: "base.yaml")
    try folder.write("\u{FEFF}extends: base.yaml\n", to: "r.yaml")
    #expect(folder.errors("r.yaml").isEmpty)
  }

  // MARK: Faults

  @Test func faultsPointIntoTheFileThatHoldsThem() throws {
    try folder.write(
      Self.base.replacing("epochs: 3", with: "epochs: three"), to: "shared/base.yaml")
    try folder.write("extends: ../shared/base.yaml\ntrian: {seed: 3}\n", to: "mine/r.yaml")
    #expect(
      folder.errors("mine/r.yaml") == """
        mine/r.yaml:2:1: unknown key "trian"; did you mean "train"?
          2 | trian: {seed: 3}
            | ^~~~~
        shared/base.yaml:4:17: train.epochs: expected a number greater than 0 and at most 100000, \
        found "three"
          4 | train: {epochs: three, batch_tokens: 512, learning_rate: 1e-4}
            |                 ^~~~~
        """)
  }

  @Test func aMissingBaseIsToldWithAllElse() throws {
    try folder.write("extends: [none.yaml]\ntrain: {sed: 3}\n", to: "r.yaml")
    #expect(
      folder.errors("r.yaml") == """
        r.yaml:1:11: extends: there is no "\(folder.url.path)/none.yaml"
          1 | extends: [none.yaml]
            |           ^~~~~~~~~
        r.yaml:2:9: unknown key "sed" in train; did you mean "seed"?
          2 | train: {sed: 3}
            |         ^~~
        """)
  }

  @Test func whatABrokenBaseMayHaveIsNotMissing() throws {
    try folder.write("method: sft\nmodel: {base: small\n", to: "base.yaml")
    try folder.write("extends: base.yaml\n", to: "r.yaml")
    let text = folder.errors("r.yaml")
    #expect(text.hasPrefix("base.yaml:3:1: not valid YAML"))
    #expect(!text.contains("missing key"))
  }

  @Test func aCycleIsNamedStepByStep() throws {
    try folder.write("extends: sub/b.yaml\n" + Self.base, to: "a.yaml")
    try folder.write("extends: ../a.yaml\n", to: "sub/b.yaml")
    #expect(
      folder.errors("a.yaml") == """
        sub/b.yaml:1:10: extends: a recipe cannot extend itself: a.yaml → sub/b.yaml → a.yaml
          1 | extends: ../a.yaml
            |          ^~~~~~~~~
        """)
    try folder.write("extends: c.yaml\n", to: "c.yaml")
    #expect(folder.errors("c.yaml").contains("a recipe cannot extend itself: c.yaml → c.yaml"))
  }

  @Test func aTowerIsRefused() throws {
    try folder.write(Self.base, to: "0.yaml")
    for level in 1...8 {
      try folder.write("extends: \(level - 1).yaml\n", to: "\(level).yaml")
    }
    #expect(folder.errors("7.yaml").isEmpty)
    #expect(
      folder.errors("8.yaml") == """
        1.yaml:1:10: extends: this is more than 8 recipes above each other: 8.yaml → 7.yaml → \
        6.yaml → 5.yaml → 4.yaml → 3.yaml → 2.yaml → 1.yaml → 0.yaml
          1 | extends: 0.yaml
            |          ^~~~~~
        """)
  }

  /// Each level names all of the level below twice over: read once each, this ends at once.
  @Test func sharedBasesAreReadOnce() throws {
    try folder.write(Self.base, to: "0-0.yaml")
    for level in 1...7 {
      let below = (0..<8).map { level == 1 ? "0-0.yaml" : "\(level - 1)-\($0).yaml" }
      let list = level == 1 ? "0-0.yaml" : below.joined(separator: ", ")
      for index in 0..<8 { try folder.write("extends: [\(list)]\n", to: "\(level)-\(index).yaml") }
    }
    #expect(folder.errors("7-0.yaml").isEmpty)
  }

  @Test(arguments: [
    ("", "extends: no value is given: write a path, or a list of paths, or delete the key"),
    ("{a: b}", "extends.0: expected a path, found a mapping"),
    ("[]", "extends: expected a path, or a list of paths, found an empty list"),
    ("[base.yaml, [x]]", "extends.1: expected a path, found a list"),
    ("[base.yaml, ./base.yaml]", "extends: \"./base.yaml\" is in the list twice: keep one of them"),
    ("~/base.yaml", "extends.0: ~ has no meaning in a recipe: write the whole path"),
  ])
  func whatIsNoPathIsRefused(_ value: String, _ message: String) throws {
    try folder.write(Self.base, to: "base.yaml")
    try folder.write("extends: \(value)\n", to: "r.yaml")
    let thrown = #expect(throws: RecipeErrors.self) { try folder.load("r.yaml") }
    #expect(thrown?.issues.map(\.message) == [message])
  }

  @Test func anOverrideComesTooLate() throws {
    try folder.write(Self.base, to: "r.yaml")
    #expect(
      folder.errors("r.yaml", ["extends=x.yaml"]) == """
        argument "extends=x.yaml": extends: overrides come too late for it: write it in the recipe
            | extends=x.yaml
            |         ^~~~~~
        """)
  }

  @Test func aFolderIsNoBase() throws {
    try folder.write(Self.base, to: "sub/base.yaml")
    try folder.write("extends: sub\n", to: "r.yaml")
    #expect(folder.errors("r.yaml").contains("r.yaml:1:10: extends: "))
    #expect(folder.errors("r.yaml").contains("cannot be read"))
  }
}

/// A folder of recipe files that goes away with its owner.
final class RecipeFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("recipes-\(UUID())")
      .resolvingSymlinksInPath()
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func write(_ text: String, to name: String) throws {
    let file = url.appendingPathComponent(name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  /// Loads a recipe as a user would who stands in this folder.
  func load(_ name: String, _ overrides: [String] = []) throws(RecipeErrors) -> LoadedRecipe {
    try RecipeLoader.load(path: name, overrides: overrides, workingDirectory: url.path)
  }

  /// The error text, or an empty one if there is none.
  func errors(_ name: String, _ overrides: [String] = []) -> String {
    do {
      _ = try load(name, overrides)
      return ""
    } catch {
      return error.description
    }
  }
}
