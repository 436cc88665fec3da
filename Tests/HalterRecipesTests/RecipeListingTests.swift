import Foundation
import HalterRecipes
import Testing

/// Finding recipes.
@Suite struct RecipeListingTests {
  private let folder: RecipeFolder

  init() throws { folder = try RecipeFolder() }

  private func list(_ name: String) throws -> [RecipeListing] {
    try RecipeListing.recipes(in: name, workingDirectory: folder.url.path)
  }

  @Test func recipesAreFoundAndNothingElse() throws {
    try folder.write("# Teaches.\n\n" + minimal, to: "recipes/b.yaml")
    try folder.write(minimal, to: "recipes/sub/a.yml")
    try folder.write(minimal, to: "recipes/.hidden/a.yaml")
    try folder.write(minimal, to: "recipes/run/recipe.yaml")
    try folder.write("{}", to: "recipes/run/run.json")
    try folder.write("services: {web: {image: x}}\n", to: "recipes/docker-compose.yaml")
    try folder.write("[1, 2", to: "recipes/broken.yaml")
    try folder.write(minimal, to: "recipes/readme.txt")
    let found = try list("recipes")
    #expect(found.map(\.path) == ["recipes/b.yaml", "recipes/sub/a.yml"])
    #expect(found.allSatisfy { $0.state == .sound(method: .sft, model: "small") })
    #expect(found.map(\.comment) == ["Teaches.", nil])
    #expect(try list(".").map(\.path) == ["recipes/b.yaml", "recipes/sub/a.yml"])
    #expect(try list("recipes/").map(\.path) == ["recipes/b.yaml", "recipes/sub/a.yml"])
  }

  @Test func faultyOnesAndPartsAreToldApart() throws {
    try folder.write("#\n" + minimal + "trian: 1\nsave: {kep: 1}\n", to: "a.yaml")
    try folder.write("# What we share.\ntrain: {seed: 1}\n", to: "b.yaml")
    try folder.write("extends: b.yaml\nmethod: sft\nmodel: ./m\ndata: {train: x}\n", to: "c.yaml")
    try folder.write("method: [sft\n", to: "d.yaml")
    let found = try list(".")
    #expect(found.map(\.path) == ["a.yaml", "b.yaml", "c.yaml", "d.yaml"])
    #expect(
      found.map(\.state) == [
        .faulty(2), .part, .sound(method: .sft, model: "./m"), .faulty(1),
      ])
    #expect(found.map(\.comment) == [nil, "What we share.", nil, nil])
  }

  @Test func aFolderThatIsNotThereIsMissing() throws {
    let thrown = #expect(throws: RecipeErrors.self) { try list("none") }
    #expect(thrown?.description == "none: there is no folder of this name")
    #expect(thrown?.onlyMissingFiles == true)
  }
}
