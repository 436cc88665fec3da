import Foundation
import Testing

/// What users of other tools complain of most, as far as a run of a recipe answers it. The numbers
/// are those of the list of 25 complaints.
@Suite struct ComplaintTests {
  private let work: Workshop

  init() throws { work = try Workshop() }

  /// 8, no validation loss: it is measured before the first step, after each epoch and at the end
  /// as soon as there are validation rows, whatever else the recipe says.
  @Test func complaint8ValidationIsOnByDefault() throws {
    try work.recipe(replacing: "eval: {every: 2, samples: [\"Why?\"], max_new_tokens: 4}\n", by: "")
    try work.recipe(replacing: "steps: 4", by: "epochs: 2")
    try work.succeeds("run", "tiny.yaml", "--quiet")
    let evaluations = try Metrics.lines(work, "run").filter { $0["event"] as? String == "eval" }
    let steps = evaluations.compactMap { $0["step"] as? Int }
    let taken = try Metrics.losses(work, "run", event: "step").count
    #expect(steps.count == 3)
    #expect(steps.first == 0)
    #expect(steps.last == taken)
  }

  /// 9, the best checkpoint thrown away: `best` is the one with the lowest validation loss and
  /// stays, however few are kept.
  @Test func complaint9TheBestCheckpointIsKept() throws {
    try work.succeeds(
      "run", "tiny.yaml", "train.steps=8", "eval.every=1", "save.keep=1", "--quiet")
    let evaluations = try Metrics.lines(work, "run").filter {
      $0["event"] as? String == "eval" && $0["step"] as? Int != 0
    }
    let best = try #require(
      evaluations.min { ($0["loss"] as? Double ?? 9) < ($1["loss"] as? Double ?? 9) })
    let step = try #require(best["step"] as? Int)
    let link = try FileManager.default.destinationOfSymbolicLink(
      atPath: work.url("run/checkpoints/best").path)
    #expect(link == "step-\(step)")
    #expect(work.exists("run/checkpoints/step-\(step)/model.safetensors"))
  }

  /// 10, step checkpoints: `save.every` counts steps, and as many as `save.keep` says stay.
  @Test func complaint10CheckpointsComeBySteps() throws {
    try work.succeeds(
      "run", "tiny.yaml", "train.steps=6", "eval.every=6", "save.every=1", "save.keep=2", "--quiet")
    let kept = work.names("run/checkpoints").filter { $0.hasPrefix("step-") }
    #expect(kept == ["step-5", "step-6"])
  }

  /// 11, resuming means four different things: `--resume` goes on with the same recipe only, and a
  /// fresh start from given weights is `adapter.init`, another run.
  @Test func complaint11ResumingIsGoingOn() throws {
    try work.addBase()
    try work.write(Workshop.adapterRecipe, to: "tiny.yaml")
    try work.succeeds("run", "tiny.yaml", "--quiet")
    try work.fails(
      65, "run", "tiny.yaml", "train.learning_rate=5e-3", "--resume", "adapted",
      saying: ["recipe"])
    try work.write(
      """
      extends: tiny.yaml
      adapter: {init: adapted/final}
      output: further

      """, to: "further.yaml")
    try work.recipe(replacing: "rank: 4, alpha: 8, ", by: "")
    try work.succeeds("run", "further.yaml", "--quiet")
    #expect(try Metrics.losses(work, "further", event: "step").count == 4)
    let first = try Metrics.losses(work, "adapted", event: "eval")
    let second = try Metrics.losses(work, "further", event: "eval")
    #expect(second.first == first.last)
  }

  /// 23, hidden defaults: what a run has used is in its directory, with the origin of each value.
  @Test func complaint23TheRunSaysWhatItUsed() throws {
    let shared = try SharedRun.workshop()
    let stored = try shared.read("run/recipe.yaml")
    for line in stored.split(separator: "\n").dropFirst(2) where !line.hasSuffix(":") {
      #expect(line.contains("  # "), "\(line)")
    }
  }

  /// 25, see what it writes: the prompts are answered before training, at each evaluation and at
  /// the end.
  @Test func complaint25AnswersComeAllAlong() throws {
    let shared = try SharedRun.workshop()
    let samples = try Metrics.objects(shared.read("run/samples.jsonl"))
    #expect(samples.map { $0["step"] as? Int } == [0, 2, 4])
  }
}
