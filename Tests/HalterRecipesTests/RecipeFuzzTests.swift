import HalterRecipes
import Testing

/// Any text gives a recipe or errors with places in the text; nothing crashes or hangs.
@Suite struct RecipeFuzzTests {
  /// A small generator, the same on every machine.
  private struct Stream: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state ^ (state >> 29)) &* 0xBF58_476D_1CE4_E5B9
    }
  }

  private static let whole = """
    method: sft
    model: {base: small, init: pretrained}
    adapter: {type: lora, rank: 16, alpha: 32, targets: [q_proj, v_proj], layers: 0-3}
    data:
      train:
        - rows.jsonl
        - path: more.jsonl
          limit: 10
      validation: held.jsonl
    train: {epochs: 3, learning_rate: 2e-4, schedule: {type: wsd, decay: 0.2}, warmup: 0.05}
    eval: {every: 20, samples: ["What is a recipe?", 'a ''b''']}
    output: runs/x
    """

  /// Loads `text`; every error has to lie in it.
  private func survive(_ text: String, _ overrides: [String] = []) {
    do {
      let loaded = try load(text, overrides)
      #expect((try? load(loaded.resolved()).recipe) == loaded.recipe, "\(text)")
    } catch {
      #expect(!error.issues.isEmpty)
      #expect(!error.description.isEmpty)
      for issue in error.issues {
        #expect(issue.place != nil, "\(issue.message) in \(text)")
      }
    }
  }

  @Test func theWholeRecipeIsValid() {
    #expect(errors(Self.whole).isEmpty)
  }

  @Test(arguments: 0..<8)
  func changedRecipes(_ seed: UInt64) {
    var stream = Stream(state: seed)
    let alphabet = Array(
      "{}[]:,-?&*!|>'\"%@`#~ \n\t\\0aé😀\u{0}\u{85}\u{2028}\u{FEFF}".unicodeScalars)
    for _ in 0..<60 {
      var scalars = Array(Self.whole.unicodeScalars)
      for _ in 0..<Int.random(in: 1...4, using: &stream) {
        let place = Int.random(in: 0..<scalars.count, using: &stream)
        let scalar = alphabet[Int.random(in: 0..<alphabet.count, using: &stream)]
        switch Int.random(in: 0..<4, using: &stream) {
        case 0: scalars.remove(at: place)
        case 1: scalars.insert(scalar, at: place)
        case 2: scalars[place] = scalar
        default: scalars.swapAt(place, Int.random(in: 0..<scalars.count, using: &stream))
        }
      }
      survive(String(String.UnicodeScalarView(scalars)))
    }
  }

  @Test func everyBeginningOfARecipe() {
    let scalars = Array(Self.whole.unicodeScalars)
    for count in stride(from: 0, to: scalars.count, by: 3) {
      survive(String(String.UnicodeScalarView(scalars[..<count])))
    }
  }

  @Test(arguments: 0..<4)
  func randomText(_ seed: UInt64) {
    var stream = Stream(state: seed &+ 100)
    let words = [
      "method", "sft", "model", "train", "data", "seed", ": ", ":", "\n", "\n  ", "\n    ", "- ",
      "[", "]", "{", "}", ", ", "? ", "'", "\"", "|\n", ">\n", "&a ", "*a", "!x ", "null", "~", "1",
      "2e-4", "<<", "---", "...", "#", "%YAML 1.1", "\t", "é", "\u{0}", "\u{7F}", "\\",
    ]
    for _ in 0..<100 {
      let count = Int.random(in: 0..<30, using: &stream)
      let text = (0..<count).map { _ in words[Int.random(in: 0..<words.count, using: &stream)] }
      survive(text.joined())
      survive(minimal + text.joined())
      survive(minimal, [text.joined()])
      survive(minimal, ["train.\(text.joined())", "eval.samples=\(text.joined())"])
    }
  }

  @Test(arguments: ["[", "{", "- ", "? ", "{a: ", "[[], ", "a:\n "])
  func deepNesting(_ opening: String) {
    survive(String(repeating: opening, count: 3000))
    survive(minimal + "eval: " + String(repeating: opening, count: 3000))
    survive(minimal, ["eval.samples=" + String(repeating: opening, count: 2000)])
  }

  @Test func aliasesDoNotMultiply() {
    var text = "a0: &a0 [x, x]\n"
    for level in 1...40 {
      text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n"
    }
    survive(text)
  }

  @Test func manyDuplicates() {
    survive(minimal + String(repeating: "seed: 1\n", count: 500))
    survive("{" + String(repeating: "\"\": 1, ", count: 5) + "}")
    survive("? [a]\n: 1\n? [a]\n: 2\n")
  }
}
