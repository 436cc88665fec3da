import Foundation
import HalterFormats
import Testing

@testable import HalterTraining

/// A run to write about, and a directory of its own for each test.
enum RunSample {
  static func header(
    steps: Int = 100, resumedFrom: Int? = nil, adapter: String? = "LoRA r=16 alpha=32",
    notes: [String] = [], name: String = "sft-lora", directory: String = "runs/sft-lora"
  ) -> RunHeader {
    RunHeader(
      name: name, method: "sft", model: "smollm2 (Llama)", adapter: adapter,
      device: "CPU, 2 threads", weightCount: 134_515_008, trainableCount: 4_884_480,
      trainRows: 293, validationRows: 52, tokensPerEpoch: 41_233, trainedTokensPerEpoch: 24_110,
      lengths: "≤64: 293  longest 61", layouts: ["messages"], notes: notes, totalSteps: steps,
      epochs: 3, resumedFrom: resumedFrom, directory: directory)
  }

  static func step(
    _ step: Int, loss: Double = 1.5, seconds: Double = 2, skipped: Bool = false
  ) -> StepMetrics {
    StepMetrics(
      step: step, epoch: Double(step) / 32, loss: loss, learningRate: 2e-4, gradientNorm: 0.8,
      tokens: 2000, trainedTokens: 1100, seconds: seconds, residentBytes: 1 << 30,
      skipped: skipped)
  }

  static func evaluation(_ step: Int, loss: Double = 1.25) -> EvaluationMetrics {
    EvaluationMetrics(
      step: step, epoch: Double(step) / 32, loss: loss, trainedTokens: 3000, seconds: 1.5)
  }

  static func sample(
    _ step: Int, prompt: String = "What?", text: String = "This.", stopped: Bool = true
  ) -> SampleText {
    SampleText(step: step, prompt: prompt, text: text, stopped: stopped)
  }

  static func summary(
    _ ending: RunSummary.Ending = .finished, step: Int = 100,
    directory: URL = URL(fileURLWithPath: "/home/user/runs/sft-lora"), skipped: Int = 0
  ) -> RunSummary {
    RunSummary(
      ending: ending, step: step, seconds: 200, tokens: 200_000, skippedSteps: skipped,
      firstEvaluation: evaluation(0, loss: 2.5), lastEvaluation: evaluation(step, loss: 1.25),
      bestEvaluation: evaluation(80, loss: 1.2), peakResidentBytes: 3 << 29,
      directory: directory,
      result: ending == .finished ? directory.appendingPathComponent("final") : nil)
  }

  static func withDirectory(_ body: (URL) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("halter-run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try body(directory)
  }

  static func text(_ directory: URL, _ name: String) throws -> String {
    String(decoding: try Data(contentsOf: directory.appendingPathComponent(name)), as: UTF8.self)
  }

  static func append(_ text: String, to name: String, in directory: URL) throws {
    let url = directory.appendingPathComponent(name)
    var data = (try? Data(contentsOf: url)) ?? Data()
    data.append(Data(text.utf8))
    try data.write(to: url)
  }
}

@Suite struct MetricsLogTests {
  @Test func aStepIsALineWithTheAgreedKeys() throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory)
      try log.observe(.stepped(RunSample.step(1)))
      let text = try RunSample.text(directory, "metrics.jsonl")
      #expect(
        text == """
          {"event": "step", "step": 1, "epoch": 0.03125, "loss": 1.5, "learning_rate": 0.0002, \
          "grad_norm": 0.8, "tokens": 2000, "trained_tokens": 1100, "tokens_per_second": 1000.0, \
          "seconds": 2.0, "rss_bytes": 1073741824, "skipped": false}

          """)
    }
  }

  @Test func anEvaluationIsALineWithTheAgreedKeys() throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory)
      try log.observe(.evaluated(RunSample.evaluation(32)))
      let text = try RunSample.text(directory, "metrics.jsonl")
      #expect(
        text == """
          {"event": "eval", "step": 32, "epoch": 1.0, "loss": 1.25, "trained_tokens": 3000, \
          "seconds": 1.5}

          """)
    }
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func aLossThatIsNotFiniteIsNull(loss: Double) throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory)
      try log.observe(.stepped(RunSample.step(1, loss: loss, skipped: true)))
      let data = Data(try RunSample.text(directory, "metrics.jsonl").utf8)
      let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
      #expect(object?["loss"] is NSNull)
      #expect(object?["skipped"] as? Bool == true)
      let read = try MetricsLog.read(directory: directory)
      #expect(read.steps.first?.loss.isNaN == true)
    }
  }

  @Test(arguments: [
    "plain", "a \"quoted\" \\ word", "line\nbreak\r\n\ttab", "\u{0}\u{1}\u{1F}\u{7F}\u{85}",
    "\u{2028}\u{2029}", "日本語 🙂 é", "</script>", "",
  ])
  func samplesComeBackWhateverTheyHold(text: String) throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory)
      let sample = RunSample.sample(3, prompt: "p" + text, text: text, stopped: false)
      try log.observe(.sampled(sample))
      let file = try RunSample.text(directory, "samples.jsonl")
      #expect(file.unicodeScalars.count { $0 == "\n" } == 1)
      let record = try MetricsLog.read(directory: directory)
      #expect(record.samples == [sample])
    }
  }

  @Test func everythingWrittenIsReadBack() throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory)
      let steps = (1...3).map { RunSample.step($0, loss: 1.0 / Double($0 * 3)) }
      try log.observe(.evaluated(RunSample.evaluation(0)))
      for step in steps { try log.observe(.stepped(step)) }
      try log.observe(.sampled(RunSample.sample(3)))
      try log.observe(.evaluated(RunSample.evaluation(3)))
      let record = try MetricsLog.read(directory: directory)
      #expect(record.steps == steps)
      #expect(record.evaluations == [RunSample.evaluation(0), RunSample.evaluation(3)])
      #expect(record.samples == [RunSample.sample(3)])
    }
  }

  @Test func aDirectoryWithoutFilesReadsAsEmpty() throws {
    try RunSample.withDirectory { directory in
      let record = try MetricsLog.read(directory: directory)
      #expect(record == RunRecord())
    }
  }

  @Test func aTornLastLineIsPassedOver() throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory)
      try log.observe(.stepped(RunSample.step(1)))
      try RunSample.append("{\"event\": \"step\", \"st", to: "metrics.jsonl", in: directory)
      let record = try MetricsLog.read(directory: directory)
      #expect(record.steps == [RunSample.step(1)])
    }
  }

  @Test func anyPrefixOfTheFileCanBeRead() throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory)
      for step in 1...3 { try log.observe(.stepped(RunSample.step(step))) }
      let whole = Data(try RunSample.text(directory, "metrics.jsonl").utf8)
      let url = directory.appendingPathComponent("metrics.jsonl")
      for length in stride(from: 0, through: whole.count, by: 7) {
        try whole.prefix(length).write(to: url)
        let steps = try MetricsLog.read(directory: directory).steps
        let lines = whole.prefix(length).count { $0 == 0x0A }
        #expect(steps.count == lines, "at \(length) bytes")
      }
    }
  }

  @Test func aDamagedLineInTheMiddleIsNamed() throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory)
      try log.observe(.stepped(RunSample.step(1)))
      try RunSample.append("garbage\n", to: "metrics.jsonl", in: directory)
      try RunSample.append(
        "{\"event\": \"eval\", \"step\": 9}\n", to: "metrics.jsonl", in: directory)
      let error = #expect(throws: FormatError.self) { try MetricsLog.read(directory: directory) }
      #expect(error?.code == .malformed)
      #expect(error?.message == "line 2 cannot be read: it is not valid JSON")
    }
  }

  @Test func aLineOfAnUnknownKindIsNamed() throws {
    try RunSample.withDirectory { directory in
      try RunSample.append("{\"step\": 1}\n{\"step\": 2}\n", to: "metrics.jsonl", in: directory)
      let error = #expect(throws: FormatError.self) { try MetricsLog.read(directory: directory) }
      #expect(
        error?.message
          == "line 1 cannot be read: it is neither a step, an evaluation nor a sample")
    }
  }

  @Test func resumingCutsLaterStepsAndATornLine() throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory)
      try log.observe(.evaluated(RunSample.evaluation(0)))
      try log.observe(.sampled(RunSample.sample(0)))
      for step in 1...4 { try log.observe(.stepped(RunSample.step(step))) }
      try log.observe(.sampled(RunSample.sample(4)))
      try RunSample.append("{\"event\": \"ev", to: "metrics.jsonl", in: directory)
      let before = try RunSample.text(directory, "metrics.jsonl")

      let resumed = try MetricsLog(directory: directory, resumingAt: 2)
      let after = try RunSample.text(directory, "metrics.jsonl")
      #expect(before.hasPrefix(after))
      try resumed.observe(.stepped(RunSample.step(3, loss: 9)))
      let record = try MetricsLog.read(directory: directory)
      #expect(record.steps.map(\.step) == [1, 2, 3])
      #expect(record.steps.last?.loss == 9)
      #expect(record.evaluations.map(\.step) == [0])
      #expect(record.samples.map(\.step) == [0])
    }
  }

  @Test func resumingWithoutFilesStartsThem() throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory, resumingAt: 5)
      try log.observe(.stepped(RunSample.step(6)))
      let record = try MetricsLog.read(directory: directory)
      #expect(record.steps.map(\.step) == [6])
    }
  }

  @Test func resumingMendsAMissingLineBreak() throws {
    try RunSample.withDirectory { directory in
      try RunSample.append("{\"event\": \"eval\", \"step\": 1}", to: "metrics.jsonl", in: directory)
      let log = try MetricsLog(directory: directory, resumingAt: 1)
      try log.observe(.stepped(RunSample.step(2)))
      let record = try MetricsLog.read(directory: directory)
      #expect(record.evaluations.map(\.step) == [1])
      #expect(record.steps.map(\.step) == [2])
    }
  }

  @Test func theLaterOfTwoEvaluationsOfAStepCounts() throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory)
      try log.observe(.evaluated(RunSample.evaluation(2, loss: 3)))
      try log.observe(.evaluated(RunSample.evaluation(2, loss: 4)))
      try log.observe(.sampled(RunSample.sample(2, text: "old")))
      try log.observe(.sampled(RunSample.sample(2, text: "new")))
      let record = try MetricsLog.read(directory: directory)
      #expect(record.evaluations.map(\.loss) == [4])
      #expect(record.samples.map(\.text) == ["new"])
    }
  }

  @Test func aNewRunDoesNotWriteIntoAnOldOne() throws {
    try RunSample.withDirectory { directory in
      try MetricsLog(directory: directory).observe(.stepped(RunSample.step(1)))
      let error = #expect(throws: FormatError.self) { try MetricsLog(directory: directory) }
      #expect(error?.code == .fileExists)
      let record = try MetricsLog.read(directory: directory)
      #expect(record.steps.count == 1)
    }
  }

  @Test func aMissingDirectoryIsAnError() {
    let directory = URL(fileURLWithPath: "/nonexistent/run")
    let error = #expect(throws: FormatError.self) { try MetricsLog(directory: directory) }
    #expect(error?.code == .notFound)
  }

  @Test func theRunIsDescribedFromItsStart() throws {
    try RunSample.withDirectory { directory in
      let none = try RunFiles.description(of: directory)
      #expect(none == nil)
      let log = try MetricsLog(directory: directory)
      try log.observe(.started(RunSample.header()))
      let run = try RunFiles.description(of: directory)
      #expect(run == RunDescription(header: RunSample.header()))
      let text = try RunSample.text(directory, "run.json")
      #expect(text.contains("\"trainable_count\" : 4884480"))
    }
  }

  @Test func theRunIsDescribedWithItsEnd() throws {
    try RunSample.withDirectory { directory in
      let log = try MetricsLog(directory: directory)
      var summary = RunSample.summary(directory: directory)
      summary.firstEvaluation?.loss = .infinity
      try log.observe(.started(RunSample.header()))
      try log.observe(.ended(summary))
      let run = try RunFiles.description(of: directory)
      #expect(run?.summary?.ending == .finished)
      #expect(run?.summary?.firstEvaluation?.loss == .infinity)
      #expect(run?.summary?.result?.lastPathComponent == "final")
    }
  }

  @Test func aDamagedDescriptionIsNamed() throws {
    try RunSample.withDirectory { directory in
      try RunSample.append("{\"header\": {}}", to: "run.json", in: directory)
      let error = #expect(throws: FormatError.self) {
        try RunFiles.description(of: directory)
      }
      #expect(error?.description.contains("run.json: this does not describe a run") == true)
      #expect(error?.message.hasSuffix("is missing") == true)
    }
  }

  #if os(Linux)
    @Test func aFullDiskIsSaidClearly() throws {
      let file = try AppendedFile(URL(fileURLWithPath: "/dev/full"))
      let error = #expect(throws: FormatError.self) { try file.append("{}\n") }
      #expect(error?.code == .noSpace)
      #expect(
        error?.description
          == "/dev/full: cannot append: the disk or the quota is full. "
          + "Free some space and resume the run.")
    }
  #endif
}
