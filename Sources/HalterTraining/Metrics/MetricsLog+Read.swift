import Foundation
import HalterFormats

extension MetricsLog {
  /// Reads the steps, evaluations and samples of a run, also of one that is running or was killed.
  ///
  /// A missing file counts as empty and a torn last line is passed over. Where a line appears twice
  /// for one step, as a resumed run may evaluate again, the later one counts.
  /// - Throws: `FormatError` naming the line, if any but the last cannot be read.
  public static func read(directory: URL) throws(FormatError) -> RunRecord {
    var steps: [Int: StepMetrics] = [:]
    var evaluations: [Int: EvaluationMetrics] = [:]
    for line in try lines(RunFiles.metrics, in: directory) {
      switch line.event {
      case .step(let step): steps[step.step] = step
      case .evaluation(let evaluation): evaluations[evaluation.step] = evaluation
      case .sample: break
      }
    }
    var samples: [SampleText] = []
    var places: [SampleKey: Int] = [:]
    for line in try lines(RunFiles.samples, in: directory) {
      guard case .sample(let sample) = line.event else { continue }
      let key = SampleKey(step: sample.step, prompt: sample.prompt)
      if let place = places[key] {
        samples[place] = sample
      } else {
        places[key] = samples.count
        samples.append(sample)
      }
    }
    return RunRecord(
      steps: steps.values.sorted { $0.step < $1.step },
      evaluations: evaluations.values.sorted { $0.step < $1.step }, samples: samples)
  }

  private static func lines(
    _ name: String, in directory: URL
  ) throws(FormatError) -> [RecordedLine] {
    let url = directory.appendingPathComponent(name)
    guard let data = try RunFiles.contents(of: url) else { return [] }
    return try RecordedLine.all(in: data, path: url.path)
  }

  private struct SampleKey: Hashable {
    let step: Int
    let prompt: String
  }
}

/// A line of `metrics.jsonl` or `samples.jsonl`.
struct RecordedLine {
  enum Event {
    case step(StepMetrics)
    case evaluation(EvaluationMetrics)
    case sample(SampleText)
  }

  let event: Event
  /// The line as it stands in the file, without its line break.
  let bytes: Data

  var step: Int {
    switch event {
    case .step(let step): step.step
    case .evaluation(let evaluation): evaluation.step
    case .sample(let sample): sample.step
    }
  }

  /// The lines of a file. The last may be torn and is then left out.
  static func all(in data: Data, path: String) throws(FormatError) -> [RecordedLine] {
    var lines: [RecordedLine] = []
    let pieces = data.split(separator: 0x0A, omittingEmptySubsequences: false)
    let last = pieces.lastIndex { !$0.isEmpty }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    for (index, bytes) in pieces.enumerated() where !bytes.isEmpty {
      do {
        let fields = try decoder.decode(Fields.self, from: bytes)
        lines.append(RecordedLine(event: try fields.parsed(), bytes: bytes))
      } catch {
        if index == last { break }
        throw FormatError(
          .malformed, "line \(index + 1) cannot be read: \(RunFiles.reason(error))",
          mend: "The file was changed or damaged; remove that line", path: path)
      }
    }
    return lines
  }

  /// All fields that a line of either file may have.
  private struct Fields: Decodable {
    var event: String?
    var step: Int
    var epoch: Double?
    var loss: Double?
    var learningRate: Double?
    var gradNorm: Double?
    var tokens: Int?
    var trainedTokens: Int?
    var seconds: Double?
    var rssBytes: Int?
    var skipped: Bool?
    var accuracy: Double?
    var margin: Double?
    var meanReward: Double?
    var minReward: Double?
    var maxReward: Double?
    var preferences: PreferenceReport?
    var prompt: String?
    var text: String?
    var stopped: Bool?

    private var reward: RewardSummary? {
      guard let accuracy else { return nil }
      return RewardSummary(
        accuracy: accuracy, margin: margin ?? .nan, meanReward: meanReward ?? .nan,
        minReward: minReward ?? .nan, maxReward: maxReward ?? .nan)
    }

    func parsed() throws -> Event {
      switch event {
      case "step":
        return .step(
          StepMetrics(
            step: step, epoch: epoch ?? 0, loss: loss ?? .nan, learningRate: learningRate ?? .nan,
            gradientNorm: gradNorm ?? .nan, tokens: tokens ?? 0, trainedTokens: trainedTokens ?? 0,
            seconds: seconds ?? 0, residentBytes: rssBytes ?? 0, skipped: skipped ?? false,
            reward: reward))
      case "eval":
        return .evaluation(
          EvaluationMetrics(
            step: step, epoch: epoch ?? 0, loss: loss ?? .nan, trainedTokens: trainedTokens ?? 0,
            seconds: seconds ?? 0, preferences: preferences))
      default:
        guard let prompt, let text else { throw Unknown() }
        return .sample(
          SampleText(step: step, prompt: prompt, text: text, stopped: stopped ?? false))
      }
    }
  }

  private struct Unknown: Error, LocalizedError {
    var errorDescription: String? { "it is neither a step, an evaluation nor a sample" }
  }
}
