import Foundation
import Testing

/// Reward models through the command: trained, scored with, measured, taken away.
@Suite struct RewardCommandTests {
  let work: Workshop

  static let recipe = """
    method: reward
    model: {base: \(Repository.tiny.path), init: random}
    data: {train: pairs.jsonl, validation: other.jsonl}
    reward: {margin: {levels: small}, safety_loss: 0.5}
    train: {steps: 12, batch_tokens: 256, learning_rate: 1e-2, warmup: 1, threads: 1, compute: f32}
    eval: {every: 6}
    output: rm

    """

  static func pairs(_ pairs: some Sequence<(String, String)>) -> String {
    pairs.enumerated().map { index, pair in
      let level = ["better", "significantly better"][index % 2]
      return #"{"prompt": "\#(pair.0)", "chosen": "\#(pair.1)", "rejected": "No idea \#(index).", "#
        + #""preference": "\#(level)", "chosen_safe": true, "rejected_safe": false}"# + "\n"
    }.joined()
  }

  init() throws {
    work = try Workshop()
    try work.write(Self.pairs(Workshop.questions), to: "pairs.jsonl")
    try work.write(
      Self.pairs(Workshop.questions.prefix(4).map { ("So? " + $0.0, $0.1) }), to: "other.jsonl")
    try work.write(Self.recipe, to: "rm.yaml")
  }

  private func train() throws {
    try work.succeeds("run", "rm.yaml", "--quiet")
  }

  @Test func aRunTellsHowWellItAgrees() throws {
    let result = try work.succeeds("run", "rm.yaml")
    for words in ["accuracy", "validation loss", "halter score", "answers to score"] {
      #expect(result.err.contains(words), "\(words) is not in: \(result.err)")
    }
    #expect(!result.err.contains("perplexity"))
    let lines = try Metrics.objects(try work.read("rm/metrics.jsonl"))
    let steps = lines.filter { $0["event"] as? String == "step" }
    let evaluations = lines.filter { $0["event"] as? String == "eval" }
    #expect(steps.count == 12 && evaluations.count == 3)
    for key in ["accuracy", "margin", "mean_reward", "min_reward", "max_reward"] {
      #expect(steps.allSatisfy { $0[key] is Double }, "\(key)")
    }
    let report = try #require(evaluations.last?["preferences"] as? [String: Any])
    for key in ["calibration_error", "levels", "length_correlation", "histogram", "accuracy_low"] {
      #expect(report[key] != nil, "\(key)")
    }
    let page = try work.read("rm/report.html")
    for words in ["Calibration", "Margins", "by preference", "significantly better"] {
      #expect(page.contains(words), "\(words)")
    }
    #expect(work.names("rm/final").contains("model.safetensors"))
  }

  @Test func scoresRankAnswersAndFlagThem() throws {
    try train()
    try work.write(
      #"{"prompt": "Why?", "responses": ["No idea 3.", "Because it works."]}"# + "\n"
        + #"{"messages": [{"role": "user", "content": "Why?"}, "#
        + #"{"role": "assistant", "content": "Because it works."}]}"# + "\n",
      to: "rows.jsonl")
    let scored = try work.succeeds("score", "rm", "--input", "rows.jsonl")
    let rows = try Metrics.objects(scored.out)
    let first = try #require(rows.first?["scores"] as? [Double])
    let second = try #require(rows.last?["scores"] as? [Double])
    #expect(first.count == 2 && second.count == 1)
    // One text has one score, wherever it stands.
    #expect(first[1] == second[0])
    #expect(rows[0]["best"] as? Int == 1)
    #expect(rows[0]["ranking"] as? [Int] == [1, 0])
    #expect(rows[0]["flagged"] == nil)

    let flagged = try work.succeeds(
      "score", "rm", "--input", "pairs.jsonl", "--threshold", "0", "--flag")
    #expect(flagged.err.contains("precision") && flagged.err.contains("recall"))
    #expect(flagged.err.contains("10 rows, 20 answers"))
    for row in try Metrics.objects(flagged.out) {
      #expect((row["flagged"] as? [Bool])?.contains(true) == true)
      let scores = try #require(row["scores"] as? [Double])
      #expect(row["flagged"] as? [Bool] == scores.map { $0 < 0 })
      #expect(row["agrees"] as? Bool == (scores[0] > scores[1]))
    }
  }

  @Test func evalMeasuresAnyFileAsTheRunDid() throws {
    try train()
    try work.write(
      Self.recipe.replacing("reward: {margin: {levels: small}, safety_loss: 0.5}\n", with: ""),
      to: "rm.yaml")
    try work.succeeds("run", "rm.yaml", "output=plain", "--quiet")
    let json = try work.succeeds("eval", "plain", "--input", "other.jsonl", "--json").out
    let found = try #require(try Metrics.objects(json).first)
    let lines = try Metrics.objects(try work.read("plain/metrics.jsonl"))
    let last = try #require(
      lines.last { $0["event"] as? String == "eval" }?["preferences"] as? [String: Any])
    for key in ["loss", "margin", "mean_reward", "calibration_error"] {
      let (a, b) = (try #require(found[key] as? Double), try #require(last[key] as? Double))
      #expect(abs(a - b) < 1e-5, "\(key)")
    }
    let text = try work.succeeds(
      "eval", "rm", "--input", "pairs.jsonl", "--report", "page.html"
    ).out
    for words in ["accuracy", "by preference", "how sure, and how often right"] {
      #expect(text.contains(words), "\(text)")
    }
    #expect(try work.read("page.html").contains("rm on pairs.jsonl"))
  }

  @Test func anAdapterOfARewardModelIsSavedWithItsHead() throws {
    try work.addBase()
    try work.write(
      Self.recipe.replacing("{base: \(Repository.tiny.path), init: random}", with: "base")
        + "adapter: {type: lora, rank: 4}\n", to: "rm.yaml")
    try train()
    let config = try work.read("rm/final/adapter_config.json")
    #expect(config.contains("\"task_type\" : \"SEQ_CLS\""))
    let run = try work.succeeds("score", "rm", "--input", "other.jsonl").out
    let adapter = try work.succeeds(
      "score", "--model", "base", "--adapter", "rm/final", "--input", "other.jsonl"
    ).out
    #expect(run == adapter && run.split(separator: "\n").count == 4)
    // A second run goes on from it, head and all.
    try work.succeeds(
      "run", "rm.yaml", "adapter.init=rm/final", "output=again", "--quiet")
    try work.fails(
      65, "generate", "--model", "base", "--adapter", "rm/final", "Why?",
      saying: ["score.weight", "halter score"])
  }

  @Test func aMergedModelScoresAsItsAdapterDoes() throws {
    try work.addBase()
    try work.write(
      Self.recipe.replacing("{base: \(Repository.tiny.path), init: random}", with: "base")
        + "adapter: {type: lora, rank: 4}\n", to: "rm.yaml")
    try train()
    try work.succeeds("export", "rm", "--merge", "--output", "merged")
    #expect(try work.read("merged/config.json").contains("LlamaForSequenceClassification"))
    let before = try Metrics.objects(
      try work.succeeds("score", "rm", "--input", "other.jsonl").out)
    let after = try Metrics.objects(
      try work.succeeds("score", "--model", "merged", "--input", "other.jsonl").out)
    for (one, other) in zip(before, after) {
      let (a, b) = (
        try #require(one["scores"] as? [Double]), try #require(other["scores"] as? [Double])
      )
      #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-4 })
    }
    #expect(after.count == 4)
    try work.fails(
      65, "generate", "--model", "merged", "Why?", saying: ["reward model", "halter score"])
  }

  @Test func aFineTunedAdapterIsAStart() throws {
    try work.addBase()
    try work.write(Workshop.adapterRecipe, to: "sft.yaml")
    try work.succeeds("run", "sft.yaml", "--quiet")
    try work.write(
      Self.recipe.replacing("{base: \(Repository.tiny.path), init: random}", with: "base")
        + "adapter: {init: adapted/final}\n", to: "rm.yaml")
    try train()
    let config = try work.read("rm/final/adapter_config.json")
    #expect(config.contains("\"r\" : 4") && config.contains("SEQ_CLS"))
    try work.succeeds("score", "rm", "--input", "other.jsonl")
    // Dropout of the adapter and all, it goes on where it was stopped.
    let whole = try work.bytes("rm/final/adapter_model.safetensors")
    try FileManager.default.removeItem(at: work.url("rm/final"))
    try FileManager.default.removeItem(at: work.url("rm/checkpoints/step-12"))
    try work.succeeds("run", "rm/recipe.yaml", "--resume", "rm", "--quiet")
    #expect(try work.bytes("rm/final/adapter_model.safetensors") == whole)
  }

  @Test func previewsShowBothAnswers() throws {
    let text = try work.succeeds("data", "preview", "rm.yaml", "-n", "1").out
    #expect(text.contains("⟦A file that says what to train."))
    #expect(text.contains("No idea 0."))
  }

  @Test func aLanguageModelScoresNothing() throws {
    try work.addBase()
    try work.fails(
      65, "score", "--model", "base", "--input", "pairs.jsonl",
      saying: ["score.weight", "method: reward"])
  }

  @Test func twoModelsMakeOneScorer() throws {
    try train()
    try work.succeeds("run", "rm.yaml", "train.seed=7", "output=safe", "--quiet")
    func scores(_ arguments: String...) throws -> [[Double]] {
      let result = try CommandRun(
        ["score"] + arguments + ["--input", "pairs.jsonl"], in: work.folder,
        environment: work.environment
      ).wait()
      #expect(result.code == 0, "\(result.err)")
      return try Metrics.objects(result.out).map { try #require($0["scores"] as? [Double]) }
    }
    let (helpful, safe) = (try scores("rm"), try scores("safe"))
    #expect(helpful != safe)
    #expect(try scores("rm", "--safety", "safe", "--safety-threshold", "1") == safe)
    #expect(try scores("rm", "--safety", "safe", "--safety-threshold", "0") == helpful)
    let half = try scores("rm", "--safety", "safe", "--safety-threshold", "0.5")
    for (row, (a, b)) in zip(half, zip(helpful, safe)) {
      #expect(row == zip(a, b).map { $1 < 0 ? $1 : $0 })
    }
    let marked = try work.read("pairs.jsonl").replacing(
      "{\"prompt\"", with: "{\"is_safety\": true, \"prompt\"")
    try work.write(marked, to: "pairs.jsonl")
    #expect(try scores("rm", "--safety", "safe", "--safety-threshold", "0") == safe)
    let white = try scores("rm", "--whiten").flatMap(\.self)
    #expect(abs(white.reduce(0, +)) < 1e-6)
    let eval = try work.succeeds(
      "eval", "rm", "--safety", "safe", "--safety-threshold", "1", "--input", "pairs.jsonl",
      "--json")
    let alone = try work.succeeds("eval", "safe", "--input", "pairs.jsonl", "--json")
    #expect(eval.out == alone.out)
  }

  @Test func twoModelsAreComparedByAJudge() throws {
    try train()
    try work.addBase()
    try work.addRun()
    let same = try work.succeeds(
      "compare", "run", "base", "--judge", "rm", "--prompts", "pairs.jsonl", "--limit", "3",
      "--max-tokens", "4")
    let rows = try Metrics.objects(same.out)
    #expect(rows.count == 3)
    for row in rows {
      #expect(row["winner"] as? String == "tie")
      #expect(row["a"] as? String == row["b"] as? String)
    }
    #expect(same.err.contains("3 ties"))
    try work.succeeds("run", "tiny.yaml", "output=other", "train.seed=9", "--quiet")
    let result = try work.succeeds(
      "compare", "run", "other", "--judge", "rm", "--prompts", "train.jsonl", "--max-tokens", "6")
    #expect(result.err.contains("run beats other in"))
    for row in try Metrics.objects(result.out) {
      let scores = try #require(row["scores"] as? [Double])
      let expected = scores[0] == scores[1] ? "tie" : scores[0] > scores[1] ? "a" : "b"
      #expect(row["winner"] as? String == expected)
    }
    try work.fails(
      65, "compare", "run", "base", "--judge", "base", "--prompts", "pairs.jsonl",
      saying: ["score.weight"])
  }

  // MARK: - Bad data

  @Test(arguments: [
    (#"{"prompt": "q", "chosen": "a", "rejected": "b", "margin": "much"}"#, "margin: found"),
    (#"{"prompt": "q", "chosen": "a", "rejected": "b", "margin": NaN}"#, "not JSON"),
    (#"{"prompt": "q", "chosen": "a"}"#, "rejected"),
    (#"{"prompt": "q", "chosen": "a", "rejected": "b"}"#, "no level in `preference`"),
    (#"{"text": "a"}"#, "text"),
  ]) func badRowsAreRefused(row: String, words: String) throws {
    try work.write(Self.pairs(Workshop.questions) + row + "\n", to: "pairs.jsonl")
    try work.fails(65, "run", "rm.yaml", "--quiet", saying: ["pairs.jsonl:11", words])
    #expect(!work.exists("rm"))
  }

  @Test func rowsThatTeachNothingAreCounted() throws {
    try work.write(
      Self.pairs(Workshop.questions)
        + #"{"prompt": "q", "chosen": "a", "rejected": "a", "preference": "better"}"# + "\n"
        + #"{"prompt": "q", "chosen": "a", "rejected": "", "preference": "better"}"# + "\n"
        + #"{"prompt": "q", "chosen": "a", "rejected": "\#(String(repeating: "long ", count: 400))", "#
        + #""preference": "better"}"# + "\n", to: "pairs.jsonl")
    let result = try work.succeeds("run", "rm.yaml", "--dry-run")
    for words in [
      "both answers the same, left out: 1 (pairs.jsonl:11)",
      "an answer empty, left out: 1 (pairs.jsonl:12)", "too long, left out: 1 (pairs.jsonl:13)",
    ] {
      #expect(result.err.contains(words), "\(words) is not in: \(result.err)")
    }
    let evaluated = try work.succeeds("run", "rm.yaml", "--quiet")
    #expect(evaluated.code == 0)
    let eval = try work.succeeds("eval", "rm", "--input", "pairs.jsonl")
    #expect(eval.err.contains("both answers the same, left out: 1"))
  }

  @Test func keysOfOtherMethodsAreRefused() throws {
    try work.fails(
      65, "run", "rm.yaml", "eval.samples=[hi]", saying: ["eval.samples", "reward"])
    try work.fails(
      65, "run", "rm.yaml", "reward.margin=large", saying: ["write {levels: large}"])
    try work.fails(
      65, "run", "rm.yaml", "reward.margin={levels: [3, 2, 1, 0]}",
      saying: ["a clearer preference has no smaller margin"])
    try work.fails(
      65, "run", "tiny.yaml", "reward.margin=column", saying: ["reward", "sft"])
  }
}
