import Foundation
import Testing

/// `train.optimizer` through the command.
@Suite struct OptimizerCommandTests {
  private let work: Workshop

  init() throws { work = try Workshop() }

  private func run(
    _ overrides: String..., resuming: Bool = false, output: String = "run"
  ) throws {
    let arguments =
      ["run", "tiny.yaml", "output=\(output)", "--quiet"] + overrides
      + (resuming ? ["--resume", output] : [])
    let result = try CommandRun(
      arguments, in: work.folder, environment: work.environment
    ).wait()
    #expect(result.code == 0, "\(result.err)")
  }

  /// Killed at a moment that nobody chose, and resumed: the same bytes. Where the moments lie makes
  /// no difference to that.
  @Test func aRunIn8BitsThatWasKilledEndsInTheSameBytes() throws {
    let steps = ["train.steps=40", "eval.every=2", "train.optimizer=adamw_8bit"]
    try run(steps[0], steps[1], steps[2], output: "whole")
    let killed = try work.start(
      "run", "tiny.yaml", "--quiet", steps[0], steps[1], "train.optimizer.type=adamw_8bit",
      "train.optimizer.paged=true")
    _ = killed.wait { work.exists("run/checkpoints/last") }
    usleep(UInt32.random(in: 0..<100_000))
    killed.send(SIGKILL)
    _ = killed.wait()
    try run(steps[0], steps[1], steps[2], resuming: true)
    #expect(
      try work.bytes("run/final/model.safetensors")
        == work.bytes("whole/final/model.safetensors"))
    #expect(try Metrics.essence(work, "run") == Metrics.essence(work, "whole"))
    #expect(!work.names("run").contains { $0.contains("paged") })
  }

  @Test func moreStateThanTheDiskHoldsIsAnError() throws {
    guard let disk = SmallDisk(work.url("disk"), size: "256k") else { return }
    defer { withExtendedLifetime(disk) {} }
    try work.fails(
      73, "run", "tiny.yaml", "output=disk/run", "train.optimizer.paged=true", "--quiet",
      saying: ["disk/run", "MB for paged memory", "full", "another disk"])
    #expect(work.names("disk").isEmpty)
  }

  @Test func theStateOfAnotherOptimizerIsRefused() throws {
    try run("train.steps=2")
    try work.fails(
      65, "run", "tiny.yaml", "train.steps=2", "train.optimizer=adamw_8bit", "--resume", "run",
      "--quiet",
      saying: ["step-2/state.h5", "holds the state of adamw, this run has adamw_8bit"])
  }

  @Test func aRatioWithoutAnAdapterIsRefused() throws {
    try work.fails(
      65, "run", "tiny.yaml", "train.lora_plus_ratio=16", "--quiet",
      saying: ["train.lora_plus_ratio", "there is no adapter"])
  }

  @Test func theKeysAreExplained() throws {
    let result = try work.halter("recipe", "explain", "train.optimizer")
    #expect(result.code == 0)
    for words in ["adamw_8bit", "paged"] { #expect(result.out.contains(words), "\(result.out)") }
  }
}
