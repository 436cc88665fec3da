import Foundation
import Testing

/// `halter model random`: checkpoints that the other commands take as any other.
@Suite struct RandomModelTests {
  private let work: Workshop

  init() throws { work = try Workshop() }

  private func make(_ format: String, _ output: String) throws {
    let made = try work.succeeds(
      "model", "random", "--geometry", "tiny", "--format", format, "--seed", "3", "--output",
      output, "--quiet")
    #expect(made.out.hasSuffix("/\(output)\n"))
    #expect(made.err == "")
  }

  @Test(
    arguments: [
      "gguf-q4_0", "gguf-q4_1", "gguf-q4_k", "gguf-q8_0", "safetensors-f32", "safetensors-bf16",
      "bnb-nf4",
    ])
  func everyFormatIsTrained(format: String) throws {
    let output = format.hasPrefix("gguf") ? "made.gguf" : "made"
    try make(format, output)
    let recipe = Workshop.adapterRecipe
      .replacingOccurrences(of: "model: base", with: "model: \(output)")
      .replacingOccurrences(of: "steps: 4", with: "steps: 2")
    try work.write(recipe, to: "lora.yaml")
    let run = try work.succeeds("run", "lora.yaml", "--quiet")
    #expect(run.err == "")
    let losses = try Metrics.objects(work.read("adapted/metrics.jsonl"))
      .compactMap { $0["loss"] as? Double }
    // A random model knows nothing: its loss is the logarithm of the 1,024 tokens, more or less.
    #expect(abs((losses.first ?? 0) - 6.93) < 0.3)
    let text = try work.succeeds(
      "generate", "--model", output, "--max-tokens", "2", "Ein Zebra äße 12 €.")
    #expect(text.code == 0)
  }

  @Test func theSeedDecidesEveryByte() throws {
    try make("gguf-q4_0", "one.gguf")
    try make("gguf-q4_0", "two.gguf")
    #expect(try work.bytes("one.gguf") == work.bytes("two.gguf"))
    try work.succeeds(
      "model", "random", "--geometry", "tiny", "--format", "gguf-q4_0", "--seed", "4", "--output",
      "other.gguf")
    #expect(try work.bytes("one.gguf") != work.bytes("other.gguf"))
  }

  @Test func aConfigurationIsAGeometryToo() throws {
    let made = try work.succeeds(
      "model", "random", "--config", Repository.tiny.path, "--format", "bnb-nf4", "--output", "made"
    )
    #expect(made.err.contains("weights"))
    let config = try work.read("made/config.json")
    #expect(config.contains("\"hidden_size\" : 64") && config.contains("bitsandbytes"))
    // Q4_K has blocks of 256 in a row, and rows of 64 have none.
    try work.fails(
      65, "model", "random", "--config", Repository.tiny.path, "--format", "gguf-q4_k", "--output",
      "k.gguf", saying: ["rows of 64", "gguf-q4_k"])
    #expect(!work.exists("k.gguf"))
  }

  @Test func wrongWishesAreRefused() throws {
    try work.fails(
      65, "model", "random", "--geometry", "llama-9", "--format", "gguf-q4_0", "--output", "x.gguf",
      saying: ["llama-9", "llama-2-7b", "config.json"])
    try work.fails(
      64, "model", "random", "--geometry", "tiny", "--format", "gguf-q3_9", "--output", "x.gguf",
      saying: ["gguf-q4_0"])
    try work.fails(
      64, "model", "random", "--format", "gguf-q4_0", "--output", "x.gguf", saying: ["--geometry"])
    try work.fails(
      66, "model", "random", "--config", "nowhere.json", "--format", "gguf-q4_0", "--output",
      "x.gguf", saying: ["nowhere.json"])
    try make("gguf-q4_0", "there.gguf")
    try work.fails(
      73, "model", "random", "--geometry", "tiny", "--format", "gguf-q4_0", "--output",
      "there.gguf", saying: ["there.gguf", "--output"])
  }

  /// A file cut off anywhere is refused by one message, as those of others are.
  @Test func aQuantisedCheckpointWithoutItsScalesIsRefused() throws {
    try make("bnb-nf4", "made")
    let shard = try #require(work.names("made").first { $0.hasSuffix(".safetensors") })
    try Tampering.cut(work.url("made/\(shard)"), to: 1000)
    try work.fails(65, "generate", "--model", "made", "x", saying: [shard, "again"])
  }
}
