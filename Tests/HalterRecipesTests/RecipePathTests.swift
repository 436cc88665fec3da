import Foundation
import HalterRecipes
import Testing

/// Where the paths of a recipe lead.
@Suite struct RecipePathTests {
  private func train(_ path: String, _ overrides: [String] = []) throws -> RecipePath {
    let text = "method: sft\nmodel: small\ndata: {train: \(path)}\n"
    return try #require(try load(text, overrides).recipe.data.train.first).path
  }

  @Test(arguments: [
    ("a.jsonl", "/recipes/a.jsonl"), ("./a.jsonl", "/recipes/a.jsonl"),
    ("../d/a.jsonl", "/d/a.jsonl"), ("/x/./y/../a.jsonl", "/x/a.jsonl"),
    ("../../../a.jsonl", "/a.jsonl"), ("b/../a.jsonl", "/recipes/a.jsonl"),
  ])
  func inputsBeginAtTheRecipe(_ text: String, _ absolute: String) throws {
    let path = try train(text)
    #expect(path.absolute == absolute)
    #expect(path.text == text)
    #expect(path.url.path == absolute)
  }

  @Test func inputsOfArgumentsBeginAtTheCommand() throws {
    #expect(try train("a.jsonl", ["data.train=b.jsonl"]).absolute == "/home/user/b.jsonl")
  }

  @Test func outputBeginsAtTheCommand() throws {
    #expect(try recipe("output: out/x").output.absolute == "/home/user/out/x")
    #expect(try recipe("output: /out/x").output.absolute == "/out/x")
  }

  @Test func outputIsNamedAfterTheRecipe() throws {
    let loaded = try RecipeLoader.load(
      text: minimal, name: "x", file: URL(fileURLWithPath: "/r/my.recipe.yaml"),
      workingDirectory: "/w")
    #expect(loaded.name == "my.recipe")
    #expect(loaded.recipe.output.absolute == "/w/runs/my.recipe")
  }

  @Test(arguments: ["smollm2-135m-instruct", "hf:HuggingFaceTB/SmolLM2-135M"])
  func modelNamesStayNames(_ name: String) throws {
    #expect(try recipe("", ["model=\(name)"]).model.base == .name(name))
  }

  @Test(arguments: [
    ("./m", "/recipes/m"), ("m.gguf", "/recipes/m.gguf"), ("models/m", "/recipes/models/m"),
    ("/m", "/m"), ("..", "/"),
  ])
  func modelPathsArePaths(_ text: String, _ absolute: String) throws {
    let recipe = try load("method: sft\nmodel: \(text)\ndata: {train: x}\n").recipe
    guard case .path(let path) = recipe.model.base else {
      Issue.record("\(text) is taken for a name")
      return
    }
    #expect(path.absolute == absolute)
  }

  @Test func aWordIsAPathIfItLiesBesideTheRecipe() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    let model = folder.appendingPathComponent("tiny")
    try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let recipe = try RecipeLoader.load(
      text: minimal.replacing("small", with: "tiny"), name: "r",
      file: folder.appendingPathComponent("r.yaml")
    ).recipe
    guard case .path(let path) = recipe.model.base else {
      Issue.record("taken for a name")
      return
    }
    #expect(path.absolute.hasSuffix("/tiny"))
    #expect(path.text == "tiny")
  }

  @Test func missingFilesAreAllReportedWithTheirPlaces() throws {
    let loaded = try load(
      "method: sft\nmodel: ./none\ndata:\n  train: [/no/a.jsonl, /no/b.jsonl]\n",
      ["adapter.init=/no/adapter"])
    let thrown = #expect(throws: RecipeErrors.self) { try loaded.checkFiles() }
    let errors = try #require(thrown)
    #expect(errors.onlyMissingFiles)
    #expect(
      errors.issues.map(\.message) == [
        #"model.base: there is no "/recipes/none""#,
        #"data.train.0.path: there is no "/no/a.jsonl""#,
        #"data.train.1.path: there is no "/no/b.jsonl""#,
        #"adapter.init: there is no "/no/adapter""#,
      ])
    #expect(errors.issues.map { $0.place?.line } == [2, 4, 4, 1])
    #expect(errors.issues.last?.place?.argument == "adapter.init=/no/adapter")
  }

  @Test func patternsAndStandardInputAreSources() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data().write(to: folder.appendingPathComponent("a.jsonl"))
    let model = folder.path
    func check(_ source: String) throws -> [String] {
      let text = "method: sft\nmodel: \(model)\ndata: {train: \"\(source)\"}\n"
      let loaded = try RecipeLoader.load(
        text: text, name: "r", file: folder.appendingPathComponent("r.yaml"))
      do {
        try loaded.checkFiles()
        return []
      } catch {
        return error.issues.map(\.message)
      }
    }
    #expect(try check("*.jsonl") == [])
    #expect(try check("**/a.*") == [])
    #expect(try check(".") == [])
    #expect(try check("-") == [])
    #expect(
      try check("*.csv")
        == ["data.train.0.path: no file matches \"\(folder.path)/*.csv\""])
    #expect(try train("'-'").absolute == "-")
  }

  @Test func aMissingRecipeFileIsToldFromABadOne() {
    let thrown = #expect(throws: RecipeErrors.self) {
      try RecipeLoader.load(path: "none.yaml", workingDirectory: "/no/such/folder")
    }
    #expect(thrown?.description == "none.yaml: there is no recipe file of this name")
    #expect(thrown?.onlyMissingFiles == true)
    let folder = #expect(throws: RecipeErrors.self) {
      try RecipeLoader.load(path: "/", workingDirectory: "/")
    }
    #expect(folder?.onlyMissingFiles == false)
  }

  @Test func homeIsNotGuessed() {
    #expect(
      messages("output: ~/x") == ["output: ~ has no meaning in a recipe: write the whole path"])
  }
}
