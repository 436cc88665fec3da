import Foundation
import HalterData
import HalterJSON
import HalterModels
import HalterTokenizers
import HalterTraining

/// Lets two models answer the same prompts, and a reward model judge which answer is better.
public struct CompareJob {
  /// Which of two answers is better.
  public enum Winner: String, Sendable, Codable {
    /// The first model's.
    case a
    /// The second model's.
    case b
    /// Both have the same score, as equal answers do.
    case tie
  }

  /// What came of one prompt.
  public struct Row: Sendable, Codable, Equatable {
    /// The place of the prompt in its file, from 1.
    public var line: Int
    /// The answer of the first model.
    public var a: String
    /// The answer of the second model.
    public var b: String
    /// The score of each.
    public var scores: [Double]
    /// Whose answer is better.
    public var winner: Winner
  }

  private let models: [ModelSession]
  private let judge: RewardScorer

  /// A comparison of two models.
  public init(_ a: ModelSession, _ b: ModelSession, judge: RewardScorer) {
    models = [a, b]
    self.judge = judge
  }

  /// Reads the prompts of a file and hands over what came of each: rows of `prompt`, pairs or
  /// conversations, of which everything before the last answer is the prompt.
  /// - Parameters:
  ///   - limit: at most so many rows; nil for all.
  ///   - maxTokens: the longest answer.
  /// - Throws: `DataError` naming the row that cannot be read, `ModelError` for a prompt that
  ///   leaves no room in a context.
  public func run(
    prompts url: URL, limit: Int?, maxTokens: Int, sampling: Sampling,
    _ body: (Row) throws -> Void
  ) throws {
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw DataError(.missingFile, "there is no such file", file: url.path)
    }
    var lines = try JSONLines(url: url)
    var count = 0
    while count < limit ?? .max, let record = try lines.next() {
      count += 1
      let row = try record.row()
      let prompt = try Self.prompt(of: try Layouts.sniff(row).example(from: row))
      let answers = try models.map { try answer(of: $0, prompt, maxTokens, sampling) }
      let scores = try judge.scores(
        of: answers.map {
          RewardScorer.Text(
            messages: prompt + [Message(role: .assistant, content: $0)],
            location: record.location)
        })
      let winner: Winner = scores[0] == scores[1] ? .tie : scores[0] > scores[1] ? .a : .b
      try body(
        Row(
          line: record.location.line, a: answers[0], b: answers[1], scores: scores,
          winner: winner))
    }
  }

  private func answer(
    of model: ModelSession, _ prompt: [Message], _ maxTokens: Int, _ sampling: Sampling
  ) throws -> String {
    let tokens = try model.renderer().prompt(for: prompt)
    let (answer, _) = try model.generator(prompt: tokens.count, answer: maxTokens).generate(
      tokens, maxTokens: maxTokens, stops: model.stops, sampling: sampling)
    return model.tokenizer.decode(answer)
  }

  private static func prompt(of example: Example) throws(DataError) -> [Message] {
    switch example {
    case .prompt(let row): return row.messages
    case .preference(let row): return row.prompt
    case .ranking(let row): return row.prompt
    case .judged(let row): return row.prompt
    case .conversation(let row):
      return Array(row.messages[..<(row.messages.lastIndex { $0.role == .assistant } ?? 0)])
    case .text:
      throw DataError(
        .misfit, at: example.location, "plain text asks for no answer; expected `prompt`")
    }
  }
}
