import Foundation
import HalterRecipes
import Testing

/// Faulty recipes and what is said of them, word for word: `Fixtures/faulty/NN-name.yaml` and
/// `.txt`. A first line `# with: …` holds overrides. The texts are to be read as a user reads them:
/// each has the place, the fault and, where there is one, the mend.
@Suite struct FaultyRecipeTests {
  static let folder: URL = {
    let fixtures = Bundle.module.url(forResource: "Fixtures", withExtension: nil)
    return fixtures?.appendingPathComponent("faulty") ?? URL(fileURLWithPath: "/")
  }()

  static let names: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
  }()

  private func text(_ name: String) throws -> String {
    try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
  }

  @Test(arguments: names)
  func theTextIsTheOneThatWasRead(_ name: String) throws {
    let first = try text(name + ".yaml").split(separator: "\n").first ?? ""
    let mark = "# with: "
    let overrides =
      first.hasPrefix(mark)
      ? first.dropFirst(mark.count).split(separator: " ").map(String.init) : []
    let thrown = #expect(throws: RecipeErrors.self) {
      try RecipeLoader.load(
        path: name + ".yaml", overrides: overrides, workingDirectory: Self.folder.path
      ).checkFiles()
    }
    let found = try #require(thrown).description.replacing(Self.folder.path, with: "FOLDER")
    #expect(found + "\n" == (try text(name + ".txt")))
  }

  @Test func thereAreEnoughOfThem() {
    #expect(Self.names.count >= 40)
    // Every number is there, and once.
    #expect(Self.names.map { String($0.prefix(2)) } == (1...Self.names.count).map(twoDigits))
  }

  private func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
