import Foundation
import Testing

@testable import HalterRecipes

/// The JSON Schema for editors agrees with the decoder.
@Suite struct RecipeSchemaTests {
  private let any: SchemaValidator
  private let sft: SchemaValidator
  private let pretrain: SchemaValidator

  init() throws {
    any = try SchemaValidator(RecipeSchema.text())
    sft = try SchemaValidator(RecipeSchema.text(for: .sft))
    pretrain = try SchemaValidator(RecipeSchema.text(for: .pretrain))
  }

  @Test(arguments: RecipeResolvedTests.recipes)
  func soundRecipesAreAccepted(_ lines: String) throws {
    let text = minimal + lines
    #expect(try any.accepts(text))
    #expect(try sft.accepts(text))
    #expect(try !pretrain.accepts(text))
    let resolved = try load(text).resolved()
    #expect(try any.accepts(resolved))
    #expect(try sft.accepts(resolved))
  }

  @Test func theOtherMethodHasItsOwn() throws {
    let text = RecipeMethodTests.pretrain
    #expect(try any.accepts(text))
    #expect(try pretrain.accepts(text))
    #expect(try !sft.accepts(text))
    #expect(try pretrain.accepts(load(text).resolved()))
    for line in ["template: chatml\n", "data: {train: x, train_on: all}\n"] {
      let text = text.replacing(/data: .*\n/, with: "") + "data: {train: x}\n"
      let wrong = line.hasPrefix("data") ? text.replacing("data: {train: x}\n", with: "") : text
      #expect(try any.accepts(text))
      #expect(try !any.accepts(wrong + line))
      #expect(try !pretrain.accepts(wrong + line))
    }
  }

  @Test func keysThatNoMethodHasAreRefused() throws {
    for section in SchemaSection.all where !section.path.contains("0") {
      let parts = section.path.split(separator: ".").map(String.init)
      let nested = (parts + ["zzz"]).joined(separator: ": {")
      let line = "\(nested): 1\(String(repeating: "}", count: parts.count))\n"
      let top = parts.first ?? "zzz"
      let text = section.minimal.split(separator: "\n").filter { !$0.hasPrefix("\(top):") }
        .joined(separator: "\n")
      // A section may come from a recipe that is extended, and then lacks nothing.
      let extending = "extends: base.yaml\n" + text + "\n" + line
      #expect(try !any.accepts(extending), "\(extending)")
      #expect(try any.accepts(extending.replacing(line, with: "")), "\(text)")
    }
  }

  /// Wrong alone, each in the eyes of both.
  static let wrong = [
    "adapter: {rank: 0}", "adapter: {rank: 2.5}", "adapter: {rank: many}", "adapter: {alpha: 0}",
    "adapter: {dropout: 1}", "adapter: {targets: []}", "adapter: {targets: {a: b}}",
    "adapter: {layers: [x]}", "adapter: {layers: -1}", "adapter: {rslora: yes}", "adapter: dora",
    "adapter: [lora]", "train: {epochs: 0}", "train: {steps: 0}", "train: {learning_rate: 2}",
    "train: {warmup: -1}", "train: {warmup: soon}", "train: {betas: [0.9]}", "train: {betas: 0.9}",
    "train: {betas: [0.9, 1]}", "train: {clip: 0}", "train: {seed: -1}", "train: {threads: 0}",
    "train: {threads: all}", "train: {schedule: sine}", "train: {schedule: {floor: 2}}",
    "train: {epochs: 1, steps: 2}", "train: {batch_tokens: 1, batch_size: 2}", "train: 5",
    "train: {seed: null}", "train:", "eval: {samples: a}", "eval: {samples: [[a]]}",
    "eval: {max_new_tokens: 0}", "save: {keep: 0}", "save: {best_by: speed}", "template: ''",
    "output: []",
  ]

  @Test(arguments: wrong)
  func whatTheDecoderRefusesTheSchemaRefuses(_ line: String) throws {
    #expect(!messages(line).isEmpty)
    #expect(try !any.accepts(minimal + line))
    #expect(try !sft.accepts(minimal + line))
  }

  @Test(arguments: [
    "{train: []}", "{train: {limit: 1}}", "{train: [{path: x, weight: 0}]}", "{train: x, zzz: 1}",
    "{train: [x, {path: y, split: all}]}", "{train: x, validation: 1.5}", "[x]",
    "{train: {path: x, columns: {txt: a}}}", "{train: x, max_length: 1}",
  ])
  func wrongDataIsRefused(_ data: String) throws {
    let text = "method: sft\nmodel: small\ndata: \(data)\n"
    #expect(!errors(text).isEmpty)
    #expect(try !any.accepts(text))
    #expect(try !sft.accepts(text))
  }

  @Test func whatIsMandatoryMayComeFromElsewhere() throws {
    let part = "data: {validation: x}\nmodel: {init: random}\n"
    #expect(try !any.accepts(part))
    #expect(try !any.accepts("method: sft\n" + part))
    #expect(try any.accepts("extends: base.yaml\n" + part))
    #expect(try any.accepts("extends: [a.yaml, b.yaml]\nmethod: sft\n" + part))
    #expect(try !any.accepts("extends: []\nmethod: sft\n" + part))
    #expect(try !any.accepts("extends: base.yaml\ndata: {train: [{limit: 1}]}\n"))
  }

  @Test func everyKeyIsDescribed() throws {
    for method in HalterRecipes.Method.allCases {
      let text = RecipeSchema.text(for: method)
      for key in RecipeReference.keys(of: method) {
        let quoted = key.meaning.replacing("\"", with: "\\\"")
        #expect(text.contains("\"description\": \"\(quoted)"), "\(key.path)")
      }
    }
  }
}
