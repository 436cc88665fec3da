import Foundation
import Testing

/// Runs that are ended from outside, politely or not: nothing of them is lost.
@Suite(.serialized) struct InterruptTests {
  /// A run that is long enough to be hit, with a checkpoint after every step.
  private static func recipe(steps: Int) -> String {
    """
    method: sft
    model: {base: \(Repository.tiny.path), init: random}
    data: {train: train.jsonl, validation: validation.jsonl}
    train: {steps: \(steps), batch_tokens: 64, learning_rate: 3e-3, warmup: 1, threads: 1}
    eval: {every: 5, samples: ["Why?"], max_new_tokens: 2}
    save: {every: 1, keep: 2}
    output: run

    """
  }

  private func step(_ run: CommandRun, atLeast count: Int) -> Bool {
    run.wait { run.messages.contains("saved step-\(count)\n") }
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func aSignalFinishesTheStepSavesAndEndsWith130(signal: Int32) throws {
    let work = try Workshop()
    try work.write(Self.recipe(steps: 30), to: "tiny.yaml")
    try work.succeeds("run", "tiny.yaml", "output=whole", "--quiet")

    let run = try work.start("run", "tiny.yaml")
    try #require(step(run, atLeast: 3))
    run.send(signal)
    let result = run.wait()
    #expect(result.code == 130, "\(result.err)")
    #expect(!result.isKilled)
    #expect(result.err.contains("Interrupted after step"))
    #expect(result.err.contains("--resume"))
    #expect(!work.exists("run/final"))
    let taken = try Metrics.losses(work, "run", event: "step").count
    #expect((3..<30).contains(taken))
    #expect(work.exists("run/checkpoints/step-\(taken)"))

    let resumed = try work.succeeds("run", "tiny.yaml", "--resume", "run")
    #expect(resumed.err.contains("resumed after step \(taken)"))
    #expect(
      try work.bytes("run/final/model.safetensors")
        == work.bytes("whole/final/model.safetensors"))
    #expect(try Metrics.essence(work, "run") == Metrics.essence(work, "whole"))
    #expect(try work.read("run/samples.jsonl") == work.read("whole/samples.jsonl"))
  }

  @Test func theRecipeInTheRunDirectoryResumesIt() throws {
    let work = try Workshop()
    try work.write(Self.recipe(steps: 12), to: "tiny.yaml")
    let run = try work.start("run", "tiny.yaml")
    try #require(step(run, atLeast: 2))
    run.send(SIGINT)
    #expect(run.wait().code == 130)
    try FileManager.default.removeItem(at: work.url("tiny.yaml"))
    try work.succeeds("run", "run/recipe.yaml", "--resume", "run", "--quiet")
    #expect(try Metrics.losses(work, "run", event: "step").count == 12)
    #expect(work.exists("run/final/model.safetensors"))
  }

  @Test func aSignalBeforeTheFirstStepLosesNothing() throws {
    let work = try Workshop()
    let run = try work.start("run", "tiny.yaml")
    try #require(run.wait { run.messages.contains("Loading ") })
    run.send(SIGINT)
    let result = run.wait()
    #expect(result.code == 130, "\(result.err)")
    try work.succeeds("run", "tiny.yaml", "--resume", "run", "--quiet")
    let shared = try SharedRun.workshop()
    #expect(
      try work.bytes("run/final/model.safetensors")
        == shared.bytes("run/final/model.safetensors"))
    #expect(try Metrics.essence(work, "run") == Metrics.essence(shared, "run"))
  }

  /// Killed again and again at moments that nobody chose, each time resumed: whatever checkpoint
  /// exists is whole, and the end is that of a run that nobody touched.
  @Test func killedAtAnyMomentEveryCheckpointLoadsAndTheEndIsTheSame() throws {
    let work = try Workshop()
    try work.write(Self.recipe(steps: 60), to: "tiny.yaml")
    try work.succeeds("run", "tiny.yaml", "output=whole", "--quiet")

    var random = SystemRandomNumberGenerator()
    var kills = 0
    var run = try work.start("run", "tiny.yaml", "--quiet")
    while kills < 15 {
      // The first checkpoint is waited for, the moment after it is left to chance.
      _ = run.wait { work.exists("run/checkpoints/last") }
      usleep(UInt32.random(in: 0..<90_000, using: &random))
      guard run.isRunning else { break }
      run.send(SIGKILL)
      #expect(run.wait().code == 128 + SIGKILL)
      kills += 1
      for name in work.names("run/checkpoints") where name.hasPrefix("step-") {
        let result = try work.halter("model", "inspect", "run/checkpoints/\(name)", "--json")
        #expect(result.code == 0, "after kill \(kills): \(name): \(result.err)")
      }
      let before = work.names("run/checkpoints").compactMap { Int($0.dropFirst("step-".count)) }
        .max()
      run = try work.start("run", "tiny.yaml", "--resume", "run", "--quiet")
      // Wait for progress, so that each resumption is killed somewhere else.
      _ = run.wait {
        let now = work.names("run/checkpoints").compactMap { Int($0.dropFirst("step-".count)) }
        return (now.max() ?? 0) > (before ?? 0)
      }
    }
    let end = run.wait()
    #expect(end.code == 0, "\(end.err)")
    #expect(kills >= 5, "the run was over after \(kills) kills")
    try work.succeeds("run", "tiny.yaml", "--resume", "run", "--quiet")
    #expect(
      try work.bytes("run/final/model.safetensors")
        == work.bytes("whole/final/model.safetensors"))
    #expect(try Metrics.essence(work, "run") == Metrics.essence(work, "whole"))
    #expect(work.names("run/checkpoints").allSatisfy { !$0.hasPrefix(".") })
    #expect(work.names("run").allSatisfy { !$0.hasPrefix(".") })
  }

  @Test func aDamagedLastCheckpointIsReplacedByTheOneBefore() throws {
    let work = try Workshop()
    try work.write(Self.recipe(steps: 6), to: "tiny.yaml")
    try work.succeeds("run", "tiny.yaml", "--quiet")
    try work.write("rubbish", to: "run/checkpoints/step-6/model.safetensors")
    let result = try work.succeeds("run", "tiny.yaml", "--resume", "run")
    #expect(result.err.contains("resumed after step 5"))
    try work.succeeds("run", "tiny.yaml", "output=whole", "--quiet")
    #expect(
      try work.bytes("run/checkpoints/last/model.safetensors")
        == work.bytes("whole/final/model.safetensors"))
  }
}
