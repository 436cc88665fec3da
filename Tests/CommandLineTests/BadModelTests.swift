import Foundation
import Testing

/// Checkpoints that are damaged, cut short or made to hurt: one clear error each.
@Suite struct BadModelTests {
  private let work: Workshop

  init() throws {
    work = try Workshop()
    try work.addBase()
  }

  private func refuses(
    _ words: [String], code: Int32 = 65, model: String = "base",
    at location: SourceLocation = #_sourceLocation
  ) throws {
    try work.fails(code, "generate", "--model", model, "x", saying: words, at: location)
  }

  // MARK: - safetensors

  @Test(arguments: [0, 7, 8, 1000, 3000, 500_000])
  func truncatedWeightsAreRefused(count: Int) throws {
    try Tampering.cut(work.url("base/model.safetensors"), to: count)
    try refuses(["base/model.safetensors", "byte", "again"])
  }

  @Test(arguments: [UInt64.max, 1 << 62, 1 << 40, 0])
  func aHostileHeaderIsRefused(length: UInt64) throws {
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
    try Data(bytes + Array("{}".utf8)).write(to: work.url("base/model.safetensors"))
    try refuses(["base"])
  }

  @Test func weightsThatAreNotNumbersAreRefused() throws {
    try Tampering.setLastFloat(of: work.url("base/model.safetensors"), to: .nan)
    try refuses(["base", "model.", "not finite", "fetch it again"])
    try work.write(Workshop.adapterRecipe, to: "lora.yaml")
    try work.fails(65, "run", "lora.yaml", "--quiet", saying: ["not finite"])
    #expect(!work.exists("adapted"))
  }

  @Test func infiniteWeightsAreRefused() throws {
    try Tampering.setLastFloat(of: work.url("base/model.safetensors"), to: .infinity)
    try refuses(["not finite"])
  }

  // MARK: - config.json

  @Test(arguments: [
    ("\"hidden_size\" : 64", "\"hidden_size\" : -64", "hidden_size is -64"),
    ("\"hidden_size\" : 64", "\"hidden_size\" : 1e300", "hidden_size"),
    ("\"hidden_size\" : 64", "\"hidden_size\" : \"64\"", "hidden_size"),
    ("\"hidden_size\" : 64", "\"hidden_size\" : 128", "[512, 64]"),
    ("\"num_hidden_layers\" : 2", "\"num_hidden_layers\" : 3", "model.layers.2"),
    ("\"num_hidden_layers\" : 2", "\"num_hidden_layers\" : 99999999999", "num_hidden_layers"),
    ("\"num_attention_heads\" : 4", "\"num_attention_heads\" : 0", "num_attention_heads"),
    ("\"num_key_value_heads\" : 2", "\"num_key_value_heads\" : 3", "num_key_value_heads"),
    ("\"vocab_size\" : 512", "\"vocab_size\" : 300", "300"),
    ("\"model_type\" : \"llama\"", "\"model_type\" : \"gpt2\"", "gpt2"),
  ])
  func aConfigurationThatCannotBeIsRefused(old: String, new: String, word: String) throws {
    try Tampering.replace(old, by: new, in: work.url("base/config.json"))
    try refuses(["base", word])
  }

  @Test(arguments: ["", "{", "[]", "null", "{\"hidden_size\": 64}"])
  func aConfigurationThatIsNoneIsRefused(text: String) throws {
    try work.write(text, to: "base/config.json")
    try refuses(["base/config.json"])
  }

  @Test(arguments: [("config.json", Int32(66)), ("tokenizer.json", 66), ("model.safetensors", 65)])
  func aMissingFileIsNamed(name: String, code: Int32) throws {
    try FileManager.default.removeItem(at: work.url("base/\(name)"))
    try refuses([name], code: code)
  }

  // MARK: - tokenizer.json

  @Test(arguments: [0, 1, 100, 5000, 20_000])
  func aTruncatedTokenizerIsRefused(count: Int) throws {
    try Tampering.cut(work.url("base/tokenizer.json"), to: count)
    try refuses(["base/tokenizer.json", "byte"])
  }

  @Test(arguments: [
    "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 99999999999}, \"merges\": []}}",
    "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}}",
    "{\"model\": {\"type\": \"Unigram\", \"vocab\": []}}",
    "{\"model\": {\"type\": \"BPE\", \"vocab\": {}, \"merges\": [\"a b\"]}}",
    "{}",
  ])
  func aHostileTokenizerIsRefused(text: String) throws {
    try work.write(text, to: "base/tokenizer.json")
    try refuses(["base/tokenizer.json"])
  }

  @Test func nestingWithoutEndIsRefused() throws {
    try work.write(String(repeating: "[", count: 200_000), to: "base/tokenizer.json")
    try refuses(["base/tokenizer.json"])
    try work.write(String(repeating: "{\"a\":", count: 200_000), to: "base/config.json")
    try refuses(["base"])
  }

  // MARK: - GGUF

  @Test(arguments: [
    [], Array("GGUF".utf8), Array("GGUX\u{3}\0\0\0".utf8),
    Array("GGUF".utf8) + [3, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 16),
    Array("GGUF".utf8) + [99, 0, 0, 0] + [UInt8](repeating: 0, count: 16),
    Array("GGUF".utf8) + [3, 0, 0, 0] + [UInt8](repeating: 0, count: 16),
  ])
  func aDamagedGGUFIsRefused(bytes: [UInt8]) throws {
    try Data(bytes).write(to: work.url("model.gguf"))
    try refuses(["model.gguf"], model: "model.gguf")
    try work.fails(65, "model", "inspect", "model.gguf", saying: ["model.gguf"])
  }

  // MARK: - Not a model at all

  @Test func whatIsNoModelIsSaidSo() throws {
    try refuses(["'nosuch'", "smollm2-135m-instruct"], code: 66, model: "nosuch")
    try refuses(
      ["halter model pull smollm2-135m-instruct"], code: 66, model: "smollm2-135m-instruct")
    try refuses(["home"], code: 66, model: "./home")
    try refuses(["train.jsonl"], model: "train.jsonl")
    try refuses(["/dev/null"], model: "/dev/null")
  }

  @Test func anUnknownTemplateListsTheKnownOnes() throws {
    try work.fails(
      65, "generate", "--model", "base", "--template", "foo", "x",
      saying: ["\"foo\"", "chatml, llama2, hermes, llama3, llama3.1"])
  }

  @Test func aTemplateThatNobodyKnowsAsksForOne() throws {
    try work.write(
      "{\"eos_token\": \"<|im_end|>\", \"chat_template\": \"{{ messages }}\"}",
      to: "base/tokenizer_config.json")
    let result = try work.halter("generate", "--model", "base", "x")
    #expect(result.code == 65, "\(result.err)")
    #expect(result.err.contains("template"))
    try work.succeeds(
      "generate", "--model", "base", "--template", "chatml", "--max-tokens", "1", "x")
  }
}
