import Foundation
import Testing

/// `halter sweep` as a user sees it.
@Suite(.serialized) struct SweepTests {
  private let work: Workshop

  init() throws { work = try Workshop() }

  private func entries(_ sweep: String) throws -> [[String: Any]] {
    try Metrics.objects(work.read("\(sweep)/sweep.jsonl"))
  }

  @Test func everyCombinationIsRunAndCompared() throws {
    let result = try work.succeeds(
      "sweep", "tiny.yaml", "train.learning_rate=1e-3,1e-2", "train.seed=1,2", "train.steps=2")
    let runs = [
      "learning_rate=1e-2,seed=1", "learning_rate=1e-2,seed=2", "learning_rate=1e-3,seed=1",
      "learning_rate=1e-3,seed=2",
    ]
    #expect(work.names("runs/tiny-sweep") == runs + ["sweep.html", "sweep.jsonl"])
    for run in runs { #expect(work.exists("runs/tiny-sweep/\(run)/final/model.safetensors")) }
    #expect(result.lines.count == 5)
    #expect(result.lines[0].hasPrefix("learning_rate  seed  before"))
    #expect(result.lines.count { $0.hasSuffix("  best") } == 1)
    #expect(result.err.contains("4/4  learning_rate=1e-2,seed=2  validation loss"))
    #expect(result.err.contains("runs/tiny-sweep/sweep.html"))

    let rows = try entries("runs/tiny-sweep")
    #expect(rows.map { $0["run"] as? String } == [runs[2], runs[3], runs[0], runs[1]])
    for row in rows {
      #expect(row["ending"] as? String == "finished")
      #expect(row["steps"] as? Int == 2)
      let best = try #require(row["best_loss"] as? Double)
      let last = try Metrics.losses(
        work, "runs/tiny-sweep/\(row["run"] as? String ?? "")", event: "eval")
      #expect(best == last.dropFirst().min())
    }
  }

  /// A run of a sweep is the run that `halter run` makes of the same values.
  @Test func aRunOfASweepIsAnOrdinaryRun() throws {
    try work.succeeds("sweep", "tiny.yaml", "train.seed=7,8", "--output", "sweep", "--quiet")
    try work.succeeds("run", "tiny.yaml", "train.seed=8", "output=alone", "--quiet")
    #expect(
      try work.bytes("sweep/seed=8/final/model.safetensors")
        == work.bytes("alone/final/model.safetensors"))
    let stored = try work.read("sweep/seed=8/recipe.yaml")
    #expect(stored.contains("seed: 8  # override train.seed=8\n"))
    #expect(stored.contains("# override output=\(work.url("sweep/seed=8").path)\n"))
  }

  @Test func thePageStandsAlone() throws {
    try work.succeeds(
      "sweep", "tiny.yaml", "train.learning_rate=1e-3,1e-2", "--output", "sweep", "--quiet")
    let page = try work.read("sweep/sweep.html")
    #expect(page.contains("<svg"))
    #expect(page.contains("Validation loss by train.learning_rate"))
    #expect(page.contains("href=\"learning_rate=1e-3/report.html\""))
    for outside in ["src=\"http", "href=\"http", "<script", "@import", "url("] {
      #expect(!page.contains(outside))
    }
  }

  @Test func everyFaultIsToldBeforeTheFirstRun() throws {
    let before = work.names("")
    try work.fails(
      65, "sweep", "tiny.yaml", "train.learning_rate=1e-3,fast", "train.sed=1,2",
      "data.train=train.jsonl,none.jsonl", "train.warmup=1,4",
      saying: [
        "argument \"train.learning_rate=1e-3,fast\"", "found \"fast\"", "did you mean \"seed\"?",
        "as long as the whole run",
      ])
    try work.fails(
      66, "sweep", "tiny.yaml", "data.train=train.jsonl,none.jsonl",
      saying: ["argument \"data.train=train.jsonl,none.jsonl\"", work.url("none.jsonl").path])
    #expect(work.names("") == before)
  }

  @Test func valuesThatMakeTheSameRunAreRefused() throws {
    try work.fails(
      65, "sweep", "tiny.yaml", "train.learning_rate=1e-3,0.001",
      saying: ["learning_rate=1e-3 and learning_rate=0.001 are the same run"])
  }

  @Test func aDryRunListsTheRunsAndLeavesNothing() throws {
    let before = work.names("")
    let lines = try work.succeeds(
      "sweep", "tiny.yaml", "train.seed=1,2", "train.steps=3", "--dry-run"
    ).lines
    #expect(lines == ["train.seed=1", "train.seed=2"])
    let rows = try Metrics.objects(
      work.succeeds("sweep", "tiny.yaml", "train.seed=1,2", "--dry-run", "--json").out)
    #expect(rows.map { $0["run"] as? String } == ["seed=1", "seed=2"])
    #expect(work.names("") == before)
  }

  /// A learning rate that no training survives is a result like any other.
  @Test func aRunThatFailsDoesNotEndTheSweep() throws {
    let result = try work.succeeds(
      "sweep", "tiny.yaml", "data.max_length=40,600", "train.batch_tokens=1024", "--output",
      "sweep")
    #expect(result.lines[2].contains("failed: data.max_length is 600"))
    #expect(result.lines[1].hasSuffix("best"))
    #expect(result.err.contains("warning: 2/2  max_length=600 failed"))
    let rows = try entries("sweep")
    #expect(rows.map { $0["ending"] as? String } == ["finished", "failed"])
    #expect(try work.read("sweep/sweep.html").contains("and 1 that failed"))
    let none = try work.halter(
      "sweep", "tiny.yaml", "data.max_length=600,700", "train.batch_tokens=1024", "--output",
      "none", "--json")
    #expect(none.code == 65)
    #expect(try Metrics.objects(none.out).map { $0["ending"] as? String } == ["failed", "failed"])
  }

  @Test func aSweepNeverWritesOverAnother() throws {
    let arguments = [
      "tiny.yaml", "train.seed=1,2", "train.steps=2", "--output", "sweep", "--quiet",
    ]
    for _ in 0..<2 {
      let result = try CommandRun(
        ["sweep"] + arguments, in: work.folder, environment: work.environment
      ).wait()
      #expect(result.code == 0)
    }
    #expect(work.names("").filter { $0.hasPrefix("sweep") } == ["sweep", "sweep-2"])
  }

  @Test func anInterruptedSweepGoesOnWhereItStopped() throws {
    let values = ["train.seed=1,2,3", "train.steps=12", "save.every=1", "eval.every=6"]
    let whole = try CommandRun(
      ["sweep", "tiny.yaml"] + values + ["--output", "whole", "--quiet"], in: work.folder,
      environment: work.environment
    ).wait()
    #expect(whole.code == 0, "\(whole.err)")

    let run = try CommandRun(
      ["sweep", "tiny.yaml"] + values + ["--output", "sweep"], in: work.folder,
      environment: work.environment)
    try #require(run.wait { work.exists("sweep/seed=2/checkpoints/last") })
    run.send(SIGINT)
    let stopped = run.wait()
    #expect(stopped.code == 130, "\(stopped.err)")
    #expect(stopped.err.contains("--resume \(work.url("sweep").path)"))
    #expect(!work.exists("sweep/seed=3"))
    #expect(try entries("sweep").count == 1)
    let first = try work.bytes("sweep/seed=1/run.json")

    let resumed = try CommandRun(
      ["sweep", "tiny.yaml"] + values + ["--resume", "sweep"], in: work.folder,
      environment: work.environment
    ).wait()
    #expect(resumed.code == 0, "\(resumed.err)")
    #expect(!resumed.err.contains("1/3"))
    #expect(try work.bytes("sweep/seed=1/run.json") == first)
    for seed in 1...3 {
      #expect(
        try work.bytes("sweep/seed=\(seed)/final/model.safetensors")
          == work.bytes("whole/seed=\(seed)/final/model.safetensors"))
    }
    let losses = try [entries("sweep"), entries("whole")].map { rows in
      rows.map { $0["best_loss"] as? Double }
    }
    #expect(losses[0] == losses[1])
    #expect(work.names("sweep") == work.names("whole"))
  }

  @Test func aSweepGrowsByMoreValues() throws {
    try work.succeeds("sweep", "tiny.yaml", "train.seed=1,2", "--output", "sweep", "--quiet")
    let result = try work.succeeds("sweep", "tiny.yaml", "train.seed=3,1", "--resume", "sweep")
    #expect(result.err.contains("1/2  seed=3"))
    #expect(!result.err.contains("2/2"))
    #expect(try entries("sweep").map { $0["run"] as? String } == ["seed=3", "seed=1", "seed=2"])
  }

  @Test func aSweepIsResumedWithItsOwnRecipe() throws {
    try work.succeeds("sweep", "tiny.yaml", "train.seed=1,2", "--output", "sweep", "--quiet")
    let before = try work.bytes("sweep/sweep.jsonl")
    try work.fails(
      65, "sweep", "tiny.yaml", "train.seed=1,2", "train.clip=3", "--resume", "sweep",
      saying: ["seed=1", "another recipe"])
    try work.fails(
      65, "sweep", "tiny.yaml", "train.clip=1,3", "--resume", "sweep", saying: ["another recipe"])
    try work.fails(
      66, "sweep", "tiny.yaml", "train.seed=1,2", "--resume", "nowhere",
      saying: ["not the directory of a sweep"])
    try work.fails(
      64, "sweep", "tiny.yaml", "train.seed=1,2", "--resume", "sweep", "--output", "x",
      saying: ["--output", "--resume"])
    #expect(try work.bytes("sweep/sweep.jsonl") == before)
  }
}
