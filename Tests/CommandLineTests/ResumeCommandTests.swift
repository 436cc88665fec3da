import Foundation
import Testing

/// `--resume` with something else than what the run was made of.
@Suite struct ResumeCommandTests {
  private let work: Workshop

  init() throws {
    work = try Workshop()
    try work.addRun()
  }

  /// Expects a resumption to fail and to change nothing in the run.
  private func refuses(
    _ overrides: String?, _ words: [String], at location: SourceLocation = #_sourceLocation
  ) throws {
    let before = try work.bytes("run/metrics.jsonl")
    let names = work.names("run") + work.names("run/checkpoints")
    if let overrides {
      try work.fails(
        65, "run", "tiny.yaml", overrides, "--resume", "run", "--quiet", saying: words,
        at: location)
    } else {
      try work.fails(
        65, "run", "tiny.yaml", "--resume", "run", "--quiet", saying: words, at: location)
    }
    #expect(try work.bytes("run/metrics.jsonl") == before)
    #expect(work.names("run") + work.names("run/checkpoints") == names)
  }

  /// The shared run read the rows from its own folder; this recipe names the same rows there.
  private func useSharedRows() throws {
    let shared = try SharedRun.directory()
    try work.recipe(
      replacing: "train: train.jsonl, validation: validation.jsonl",
      by: "train: \(shared.path)/train.jsonl, validation: \(shared.path)/validation.jsonl")
  }

  @Test func theSameRecipeIsAccepted() throws {
    try useSharedRows()
    try work.succeeds("run", "tiny.yaml", "--resume", "run", "--quiet")
  }

  @Test func whatDoesNotChangeTheTrainingMayChange() throws {
    try useSharedRows()
    try work.succeeds(
      "run", "tiny.yaml", "train.threads=2", "eval.every=1", "save.keep=5", "output=elsewhere",
      "--resume", "run", "--quiet")
    #expect(!work.exists("elsewhere"))
  }

  @Test(arguments: ["train.steps=6", "train.learning_rate=1e-3", "train.seed=1"])
  func anotherRecipeIsRefused(override: String) throws {
    try useSharedRows()
    try refuses(override, ["run/checkpoints/step-4", "other settings", "start a new run"])
  }

  @Test func otherRowsAreRefused() throws {
    try work.succeeds("run", "tiny.yaml", "train.steps=2", "output=mine", "--quiet")
    try FileManager.default.removeItem(at: work.url("run"))
    try FileManager.default.moveItem(at: work.url("mine"), to: work.url("run"))
    try work.write(Workshop.rows(Workshop.questions[0..<7]), to: "train.jsonl")
    try refuses("train.steps=2", ["run/checkpoints/step-2", "other rows", "Put the data back"])
  }

  @Test func whatIsNoRunCannotBeResumed() throws {
    try work.fails(
      66, "run", "tiny.yaml", "--resume", "nowhere", saying: ["nowhere", "no recipe.yaml"])
    try work.fails(66, "run", "tiny.yaml", "--resume", ".", saying: ["not a run directory"])
  }

  @Test func aRunWithoutACheckpointSaysSo() throws {
    try useSharedRows()
    try FileManager.default.removeItem(at: work.url("run/checkpoints"))
    try refuses(nil, ["no complete checkpoint", "without --resume"])
  }

  @Test func damagedMetricsAreNamedByTheirLine() throws {
    try useSharedRows()
    let text = try work.read("run/metrics.jsonl")
    try work.write("{rubbish\n" + text, to: "run/metrics.jsonl")
    try refuses(nil, ["run/metrics.jsonl", "line 1"])
  }
}
