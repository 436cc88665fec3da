import Foundation
import Testing

/// What one does with a trained model: ask it, measure it, look into it, take it away.
@Suite struct UseTests {
  private let work: Workshop

  init() throws {
    work = try Workshop()
    try work.addRun()
  }

  // MARK: - generate and chat

  @Test func theAnswerGoesToStdoutAndNothingElse() throws {
    let result = try work.succeeds(
      "generate", "--model", "run/final", "--max-tokens", "8", "Why?", "--threads", "1")
    #expect(result.out.hasSuffix("\n"))
    #expect(result.err == "")
  }

  @Test func greedyAnswersRepeatAndSeedsDiffer() throws {
    func tokens(_ seed: String, _ temperature: String) throws -> [Int] {
      let result = try work.succeeds(
        "generate", "--model", "run/final", "--max-tokens", "12", "--temperature", temperature,
        "--seed", seed, "--threads", "1", "--json", "--raw", "What is")
      let object = try #require(try Metrics.objects(result.out).first)
      #expect(Set(object.keys) == ["finish", "text", "tokens"])
      return object["tokens"] as? [Int] ?? []
    }
    let greedy = try tokens("1", "0")
    #expect(try tokens("2", "0") == greedy)
    let (one, again, two) = (try tokens("1", "5"), try tokens("1", "5"), try tokens("2", "5"))
    #expect(one == again)
    #expect(one != two)
    #expect(one.allSatisfy { (0..<512).contains($0) })
  }

  @Test(arguments: ["best", "last", "step-2"])
  func checkpointsAreModels(name: String) throws {
    try work.succeeds(
      "generate", "--model", "run/checkpoints/\(name)", "--max-tokens", "2", "Why?", "--json")
  }

  @Test func anAnswerIsNeverLongerThanTheContext() throws {
    let result = try work.succeeds(
      "generate", "--model", "run/final", "--max-tokens", "\(Int.max)", "--raw", "--json",
      "--temperature", "100", "x")
    let object = try #require(try Metrics.objects(result.out).first)
    #expect((object["tokens"] as? [Int] ?? []).count <= 512)
    #expect(["stop", "context"].contains(object["finish"] as? String ?? ""))
  }

  @Test func manyThreadsOnFewCoresStillAnswer() throws {
    try work.succeeds(
      "generate", "--model", "run/final", "--max-tokens", "2", "--threads", "1024", "x")
  }

  @Test func promptsThatDoNotFitAreRefused() throws {
    try work.fails(
      65, "generate", "--model", "run/final", "--raw", "", saying: ["prompt", "empty"])
    try work.fails(
      65, "generate", "--model", "run/final", String(repeating: "x ", count: 600),
      saying: ["tokens", "512", "Shorten"])
  }

  @Test func chatAnswersEachLineUntilAnEmptyOne() throws {
    let result = try work.halter(
      "chat", "--model", "run/final", "--max-tokens", "2", "--threads", "1",
      input: "Why?\n/reset\nHow?\n\nnever read\n")
    #expect(result.code == 0, "\(result.err)")
    #expect(result.out.filter { $0 == "\n" }.count >= 2)
    #expect(result.err == "")
  }

  @Test func outputThatCannotBeWrittenIs74() throws {
    guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
    for arguments in [
      ["generate", "--model", "run/final", "--max-tokens", "2", "Why?"],
      ["logprobs", "--model", "run/final", "--input", "train.jsonl"],
      ["model", "inspect", "run/final"], ["recipe", "show", "tiny.yaml"],
    ] {
      let result = try CommandRun(
        arguments, in: work.folder, environment: work.environment, out: "/dev/full"
      ).wait()
      #expect(result.code == 74, "\(arguments[0]): \(result.err)")
      #expect(result.err.contains("standard output cannot be written"))
    }
  }

  // MARK: - logprobs

  @Test func logprobsArePerTokenAndNegative() throws {
    let result = try work.succeeds("logprobs", "--model", "run/final", "--input", "train.jsonl")
    let rows = try Metrics.objects(result.out)
    #expect(rows.map { $0["line"] as? Int ?? 0 } == Array(1...8))
    for row in rows {
      let tokens = row["tokens"] as? [Int] ?? []
      let values = row["logprobs"] as? [Double] ?? []
      #expect(values.count == tokens.count - 1)
      #expect((row["trained"] as? [Bool])?.count == tokens.count)
      #expect(values.allSatisfy { $0 < 0 && $0 > -20 })
    }
    #expect(result.err == "")
  }

  @Test func logprobsOfTheValidationRowsAreTheLossOfTheRun() throws {
    // Log-probabilities are computed in f32, so the run must be too.
    try work.succeeds("run", "tiny.yaml", "train.compute=f32", "output=exact")
    let result = try work.succeeds(
      "logprobs", "--model", "exact/final", "--input", "validation.jsonl")
    var (sum, count) = (0.0, 0)
    for row in try Metrics.objects(result.out) {
      let values = row["logprobs"] as? [Double] ?? []
      let trained = row["trained"] as? [Bool] ?? []
      for (value, isTrained) in zip(values, trained.dropFirst()) where isTrained {
        sum -= value
        count += 1
      }
    }
    let loss = try #require(try Metrics.losses(work, "exact", event: "eval").last)
    #expect(abs(sum / Double(count) - loss) < 1e-5)
  }

  @Test func plainTextHasLogprobsToo() throws {
    try work.write("{\"text\": \"hello\"}\n{\"text\": \"\"}\n", to: "rows.jsonl")
    let result = try work.succeeds("logprobs", "--model", "run/final", "--input", "rows.jsonl")
    #expect(result.lines.count == 2)
  }

  @Test func rowsThatCannotBeReadAreNamed() throws {
    try work.fails(
      66, "logprobs", "--model", "run/final", "--input", "no.jsonl",
      saying: [work.url("no.jsonl").path, "no such file"])
    try work.write("{\"text\": 5}\n", to: "rows.jsonl")
    try work.fails(
      65, "logprobs", "--model", "run/final", "--input", "rows.jsonl", saying: ["rows.jsonl:1"])
  }

  // MARK: - inspect and export

  @Test func inspectTellsGeometryAndSizes() throws {
    let text = try work.succeeds("model", "inspect", "run/final").out
    for words in ["vocabulary: 512", "layers: 2", "tied embeddings: true", "20 f32"] {
      #expect(text.contains(words), "\(text)")
    }
    let json = try work.succeeds("model", "inspect", "run/final", "--json").out
    let object = try #require(try Metrics.objects(json).first)
    #expect(object["kind"] as? String == "checkpoint")
    #expect((object["tensors"] as? [Any])?.count == 20)
  }

  @Test func exportMakesADirectoryThatLoads() throws {
    let result = try work.succeeds(
      "export", "run", "--merge", "--format", "safetensors", "--output", "out/merged")
    #expect(result.out == work.url("out/merged").path + "\n")
    #expect(work.names("out") == ["merged"])
    #expect(
      try work.bytes("out/merged/model.safetensors") == work.bytes("run/final/model.safetensors"))
    try work.succeeds("generate", "--model", "out/merged", "--max-tokens", "2", "Why?")
  }

  @Test func exportTakesACheckpointOfTheRun() throws {
    try work.succeeds(
      "export", "run", "--checkpoint", "step-2", "--merge", "--output", "early")
    #expect(
      try work.bytes("early/model.safetensors")
        == work.bytes("run/checkpoints/step-2/model.safetensors"))
    try work.fails(
      66, "export", "run", "--checkpoint", "step-9", "--merge", "--output", "none",
      saying: ["step-9", "--checkpoint best"])
  }

  @Test func exportNeverWritesOverAnything() throws {
    let before = try work.bytes("run/final/model.safetensors")
    try work.fails(
      73, "export", "run", "--merge", "--output", "run/final", saying: ["run/final", "exists"])
    try work.fails(
      73, "export", "run", "--merge", "--output", "train.jsonl", saying: ["train.jsonl", "exists"])
    #expect(try work.bytes("run/final/model.safetensors") == before)
  }

  @Test func exportBelowAFileIs73AndLeavesNothing() throws {
    let before = work.names("")
    let result = try work.halter("export", "run", "--merge", "--output", "train.jsonl/out")
    #expect([73, 74].contains(result.code), "\(result.err)")
    #expect(result.err.contains("train.jsonl"))
    #expect(work.names("") == before)
  }

  @Test func exportNeedsAFinishedRun() throws {
    try work.fails(66, "export", "nowhere", "--merge", "--output", "x", saying: ["nowhere"])
    try FileManager.default.removeItem(at: work.url("run/final"))
    try work.fails(
      66, "export", "run", "--merge", "--output", "x", saying: ["not finished", "--resume"])
  }
}
