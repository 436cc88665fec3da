import Foundation
import Testing

/// A run from its recipe to its result, as a user sees it.
@Suite struct RunTests {
  private let shared: Workshop

  init() throws { shared = try SharedRun.workshop() }

  @Test func itSucceedsWithNothingOnStdout() throws {
    let result = try SharedRun.result()
    #expect(result.code == 0, "\(result.err)")
    #expect(result.out == "")
  }

  @Test func theMessagesSayWhatHappens() throws {
    let text = try SharedRun.result().err
    for words in [
      "run  sft", "data       8 rows (messages), 2 more for validation",
      "lengths    ≤", "steps      4 in",
      "device     CPU", "1 thread", "before training", "step 4/4", "validation loss",
      "saved step-4", "Finished 4 steps", "report.html", "halter generate --model",
    ] {
      #expect(text.contains(words), "\"\(words)\" is not in: \(text)")
    }
  }

  @Test func awayFromATerminalThereAreNoEscapeCodes() throws {
    let text = try SharedRun.result().err
    #expect(!text.contains("\u{1B}"))
    #expect(!text.contains("\r"))
  }

  @Test func theRunDirectoryHoldsWhatIsPromised() throws {
    #expect(
      shared.names("run") == [
        "checkpoints", "final", "metrics.jsonl", "recipe.yaml", "report.html", "run.json",
        "samples.jsonl",
      ])
    #expect(shared.names("run/checkpoints") == ["best", "last", "step-2", "step-4"])
    let weights = [
      "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
      "tokenizer_config.json",
    ]
    #expect(shared.names("run/final") == weights)
    #expect(
      shared.names("run/checkpoints/step-4") == (weights + ["checksums.json", "state.h5"]).sorted())
  }

  @Test func theEndIsTheLastCheckpoint() throws {
    #expect(
      try shared.bytes("run/final/model.safetensors")
        == shared.bytes("run/checkpoints/last/model.safetensors"))
    #expect(
      try shared.bytes("run/final/model.safetensors")
        != shared.bytes("run/checkpoints/step-2/model.safetensors"))
  }

  @Test func everyLineOfTheMetricsHasItsKeys() throws {
    let lines = try Metrics.lines(shared, "run")
    #expect(
      lines.map { $0["event"] as? String ?? "" }
        == ["eval", "step", "step", "eval", "step", "step", "eval"])
    for line in lines {
      var keys: Set = ["event", "step", "epoch", "loss", "trained_tokens", "seconds"]
      if line["event"] as? String == "step" {
        keys.formUnion([
          "learning_rate", "grad_norm", "tokens", "tokens_per_second", "rss_bytes", "skipped",
        ])
      }
      #expect(Set(line.keys) == keys)
      #expect((line["loss"] as? Double).map { $0 > 0 && $0 < 10 } == true)
    }
  }

  @Test func theValidationLossFalls() throws {
    let losses = try Metrics.losses(shared, "run", event: "eval")
    #expect(losses.count == 3)
    #expect(try #require(losses.last) < losses[0])
  }

  @Test func theSamplesAreThoseOfTheRecipe() throws {
    let lines = try Metrics.objects(shared.read("run/samples.jsonl"))
    #expect(lines.map { $0["step"] as? Int ?? -1 } == [0, 2, 4])
    #expect(lines.allSatisfy { $0["prompt"] as? String == "Why?" })
    #expect(lines.allSatisfy { $0["text"] is String && $0["stopped"] is Bool })
  }

  @Test func theReportStandsAlone() throws {
    let page = try shared.read("run/report.html")
    #expect(page.hasPrefix("<!DOCTYPE html>") || page.hasPrefix("<!doctype html>"))
    #expect(page.contains("<svg"))
    #expect(page.contains("Why?"))
    #expect(page.contains("batch_tokens"))
    for outside in ["src=\"http", "href=\"http", "<script src", "@import", "url("] {
      #expect(!page.contains(outside))
    }
  }

  @Test func theStoredRecipeSaysWhereEachValueComesFrom() throws {
    let text = try shared.read("run/recipe.yaml")
    #expect(text.contains("# tiny.yaml:4"))
    #expect(text.contains("# default"))
    #expect(text.contains(Repository.tiny.path))
  }

  // MARK: - The same bits again

  @Test func theStoredRecipeRunsAgainToTheSameBits() throws {
    let work = try Workshop()
    let stored = shared.url("run/recipe.yaml").path
    try work.succeeds("run", stored, "output=again", "--quiet")
    #expect(
      try work.bytes("again/final/model.safetensors")
        == shared.bytes("run/final/model.safetensors"))
    #expect(try Metrics.essence(work, "again") == Metrics.essence(shared, "run"))
    #expect(try work.read("again/samples.jsonl") == shared.read("run/samples.jsonl"))
  }

  /// The recipe of the repository: its stored form, run with another output, is the same run.
  @Test func aShippedRecipeIsReproducedByItsStoredForm() throws {
    let work = try Workshop()
    let recipe = Repository.root.appending(path: "recipes/tiny.yaml").path
    try work.succeeds("run", recipe, "output=first", "train.steps=6", "eval.every=3", "--quiet")
    try work.succeeds("run", "first/recipe.yaml", "output=second", "--quiet")
    #expect(
      try work.bytes("first/final/model.safetensors")
        == work.bytes("second/final/model.safetensors"))
    #expect(try Metrics.essence(work, "first") == Metrics.essence(work, "second"))
    #expect(try Metrics.losses(work, "second", event: "step").count == 6)
    #expect(try work.read("first/samples.jsonl") == work.read("second/samples.jsonl"))
  }

  @Test func anAdapterIsReproducedByTheStoredRecipe() throws {
    let work = try Workshop()
    try work.addBase()
    try work.write(Workshop.adapterRecipe, to: "tiny.yaml")
    try work.succeeds("run", "tiny.yaml", "--quiet")
    try work.succeeds("run", "adapted/recipe.yaml", "output=again", "--quiet")
    #expect(
      try work.bytes("adapted/final/adapter_model.safetensors")
        == work.bytes("again/final/adapter_model.safetensors"))
    #expect(try Metrics.essence(work, "adapted") == Metrics.essence(work, "again"))
  }

  @Test func theStoredRecipeBeginsWithTheHashOfItsContent() throws {
    let work = try Workshop()
    let text = try shared.read("run/recipe.yaml")
    let line = String(text.split(separator: "\n")[0])
    let hash = try #require(line.wholeMatch(of: /# sha256 ([0-9a-f]{64})/)).1
    try work.write(text, to: "stored.yaml")
    try work.write(
      work.succeeds("recipe", "show", "stored.yaml", "--resolved").out, to: "content.yaml")
    let summer = "/usr/bin/sha256sum"
    if FileManager.default.isExecutableFile(atPath: summer) {
      let digest = try CommandRun(
        ["content.yaml"], of: summer, in: work.folder, environment: work.environment
      ).wait().out
      #expect(digest.hasPrefix(hash))
    }
    #expect(
      try work.succeeds("recipe", "check", "stored.yaml").out
        == "stored.yaml: ok, as it was stored\n")
    try work.write(text.replacing("seed: 42", with: "seed: 43"), to: "stored.yaml")
    #expect(
      try work.succeeds("recipe", "check", "stored.yaml").out
        == "stored.yaml: ok, changed since it was stored\n")
  }

  @Test func twoThreadsGiveTheSameBitsAsOne() throws {
    let work = try Workshop()
    try work.succeeds("run", "tiny.yaml", "train.threads=2", "--quiet")
    #expect(
      try work.bytes("run/final/model.safetensors") == shared.bytes("run/final/model.safetensors"))
    #expect(try Metrics.essence(work, "run") == Metrics.essence(shared, "run"))
  }

  @Test func anotherSeedGivesOtherBits() throws {
    let work = try Workshop()
    try work.succeeds("run", "tiny.yaml", "train.seed=43", "--quiet")
    #expect(
      try work.bytes("run/final/model.safetensors") != shared.bytes("run/final/model.safetensors"))
  }

  // MARK: - Options

  @Test func quietSaysNothing() throws {
    let work = try Workshop()
    let result = try work.succeeds("run", "tiny.yaml", "train.steps=2", "--quiet")
    #expect(result.out == "")
    #expect(result.err == "")
    #expect(work.exists("run/final/model.safetensors"))
  }

  @Test func aDryRunChecksEverythingAndLeavesNothing() throws {
    let work = try Workshop()
    let before = work.names("")
    let result = try work.succeeds("run", "tiny.yaml", "--dry-run")
    #expect(result.err.contains("steps      4 in"))
    #expect(!result.err.contains("step 1/4"))
    // The rows are in the cache now; there is nothing else.
    #expect(work.names("").filter { $0 != "home" } == before)
  }

  @Test func anOverrideCountsAndIsRecorded() throws {
    let work = try Workshop()
    try work.succeeds(
      "run", "tiny.yaml", "train.steps=2", "train.learning_rate=5e-3", "output=other", "--quiet")
    let stored = try work.read("other/recipe.yaml")
    #expect(stored.contains("override train.learning_rate=5e-3"))
    #expect(try Metrics.losses(work, "other", event: "step").count == 2)
    #expect(!work.exists("run"))
  }

  @Test func aRunNeverWritesOverAnother() throws {
    let work = try Workshop()
    try work.addRun()
    let before = try work.bytes("run/metrics.jsonl")
    let result = try work.succeeds("run", "tiny.yaml", "train.steps=2")
    #expect(work.names("").filter { $0.hasPrefix("run") } == ["run", "run-2"])
    #expect(result.err.contains(work.url("run-2").path))
    try work.succeeds("run", "tiny.yaml", "train.steps=2", "--quiet")
    #expect(work.exists("run-3/final"))
    #expect(try work.bytes("run/metrics.jsonl") == before)
  }

  @Test func messagesThatNobodyReadsDoNotEndTheRun() throws {
    let work = try Workshop()
    guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
    let result = try work.halter("run", "tiny.yaml", "train.steps=2", err: "/dev/full")
    #expect(result.code == 0)
    #expect(work.exists("run/final/model.safetensors"))
  }
}

/// The files of a run that hold numbers.
enum Metrics {
  /// The objects of JSON lines.
  static func objects(_ text: String) throws -> [[String: Any]] {
    try text.split(separator: "\n").map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
    }
  }

  static func lines(_ work: Workshop, _ run: String) throws -> [[String: Any]] {
    try objects(work.read("\(run)/metrics.jsonl"))
  }

  static func losses(_ work: Workshop, _ run: String, event: String) throws -> [Double] {
    try lines(work, run).filter { $0["event"] as? String == event }
      .compactMap { $0["loss"] as? Double }
  }

  /// The lines as written, without what depends on the time and the machine.
  static func essence(_ work: Workshop, _ run: String) throws -> [String] {
    try work.read("\(run)/metrics.jsonl").split(separator: "\n").map {
      String($0).replacing(/"(?:seconds|tokens_per_second|rss_bytes)": [^,}]*/, with: "")
    }
  }
}
