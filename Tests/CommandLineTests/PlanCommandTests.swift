import Foundation
import Testing

/// `halter plan`, and runs that do not fit.
@Suite struct PlanCommandTests {
  private let work: Workshop

  init() throws { work = try Workshop() }

  /// A geometry that no machine of these tests has the memory for.
  private func addGiant() throws {
    try FileManager.default.copyItem(at: Repository.tiny, to: work.url("giant"))
    let config = try work.read("giant/config.json")
      .replacingOccurrences(of: "\"hidden_size\": 64", with: "\"hidden_size\": 16384")
      .replacingOccurrences(of: "\"intermediate_size\": 192", with: "\"intermediate_size\": 65536")
      .replacingOccurrences(of: "\"num_hidden_layers\": 2", with: "\"num_hidden_layers\": 200")
      .replacingOccurrences(of: "\"num_attention_heads\": 4", with: "\"num_attention_heads\": 128")
    try work.write(config, to: "giant/config.json")
  }

  @Test func thePlanHasPartsStepsAndTime() throws {
    let out = try work.succeeds("plan", "tiny.yaml", "--quiet").out
    for word in [
      "memory", "weights", "gradients", "optimizer", "activations", "steps    4 of", "speed",
      "time", "evaluations",
    ] { #expect(out.contains(word), "\(word) is not in: \(out)") }
    #expect(!work.exists("run"))
  }

  @Test func thePlanIsJSON() throws {
    let plan = try #require(
      try Metrics.objects(work.succeeds("plan", "tiny.yaml", "--json").out).first)
    #expect(plan["steps"] as? Int == 4)
    #expect(plan["fit"] as? String == "fits")
    #expect(plan["trainRows"] as? Int == 8)
    #expect((plan["secondsPerStep"] as? Double ?? 0) > 0)
    #expect((plan["longestBatchTokens"] as? Int ?? 0) > 0)
    let parts = try #require(plan["memory"] as? [[String: Any]])
    let sum = parts.reduce(0) { $0 + ($1["bytes"] as? Int ?? 0) }
    #expect(sum == plan["peakBytes"] as? Int && sum > 1 << 20)
  }

  @Test func littleMemoryChangesThePlan() throws {
    let tight = try work.succeeds("plan", "tiny.yaml", "--memory", "0.001", "--quiet").out
    #expect(tight.contains("too little"))
    let chosen = try work.succeeds(
      "plan", "tiny.yaml", "train.recompute=auto", "--memory", "0.001", "--quiet"
    ).out
    #expect(chosen.contains("recompute: blocks"))
    let free = try work.succeeds("plan", "tiny.yaml", "train.recompute=auto", "--quiet").out
    #expect(free.contains("recompute: none"))
    try work.fails(64, "plan", "tiny.yaml", "--memory", "0", saying: ["--memory"])
  }

  @Test func theRunSaysWhatAutoChose() throws {
    let run = try work.succeeds("run", "tiny.yaml", "train.recompute=auto")
    #expect(run.err.contains("recompute: none, as the run needs"))
    #expect(try work.read("run/recipe.yaml").contains("recompute: auto"))
  }

  @Test func recomputedBlocksGiveTheSameBits() throws {
    try work.succeeds("run", "tiny.yaml", "--quiet")
    try work.succeeds("run", "tiny.yaml", "train.recompute=blocks", "output=again", "--quiet")
    #expect(
      try work.bytes("run/final/model.safetensors") == work.bytes("again/final/model.safetensors"))
  }

  @Test func aRunThatCannotFitIsRefusedBeforeItLoads() throws {
    try addGiant()
    try work.recipe(replacing: Repository.tiny.path, by: "giant")
    let result = try work.fails(
      65, "run", "tiny.yaml", "--quiet",
      saying: ["TiB of memory", "are available", "smaller model", "--ignore-memory"])
    #expect(result.err.split(separator: "\n").count == 1)
    #expect(!work.exists("run"))
  }

  @Test func faultsAreThoseOfARun() throws {
    try work.fails(66, "plan", "nosuch.yaml", saying: ["nosuch.yaml"])
    try work.fails(
      65, "plan", "tiny.yaml", "train.recompute=some", saying: ["none, blocks", "auto"])
  }
}
