import Foundation
import HalterData
import HalterJSON
import HalterNN
import HalterTokenizers
import HalterTraining

/// Scores the answers of rows with one reward model or two.
public struct ScoreJob {
  private let scorer: RewardScorer

  /// A job on a scorer.
  public init(_ scorer: RewardScorer) { self.scorer = scorer }

  /// The scores of one row.
  public struct Row: Sendable, Codable, Equatable {
    /// The place of the row in its file, from 1.
    public var line: Int
    /// The score of each answer in the order of the row: one for a conversation, two for a pair
    /// with the preferred answer first.
    public var scores: [Double]
    /// The places of the answers from the highest score to the lowest, from 0.
    public var ranking: [Int]
    /// The place of the answer with the highest score, from 0.
    public var best: Int
    /// Whether each answer lies below the threshold; nil without one.
    public var flagged: [Bool]?
    /// Whether the preferred answer scores higher; nil where the row prefers none.
    public var agrees: Bool?
    /// Whether each answer is in truth to be flagged, as far as the row says.
    var isBad: [Bool?] = []

    // What the row says itself is not said again.
    private enum CodingKeys: String, CodingKey {
      case line, scores, ranking, best, flagged, agrees
    }
  }

  /// How flags agree with labels.
  public struct Flags: Sendable, Codable, Equatable {
    /// Answers that are flagged rightly.
    public var truePositives = 0
    /// Answers that are flagged wrongly.
    public var falsePositives = 0
    /// Answers that are wrongly not flagged.
    public var falseNegatives = 0
    /// Answers that are rightly not flagged.
    public var trueNegatives = 0

    /// No answers.
    public init() {}

    /// The share of the flagged answers that are bad; nil where none is flagged.
    public var precision: Double? {
      let flagged = truePositives + falsePositives
      return flagged > 0 ? Double(truePositives) / Double(flagged) : nil
    }

    /// The share of the bad answers that are flagged; nil where none is bad.
    public var recall: Double? {
      let bad = truePositives + falseNegatives
      return bad > 0 ? Double(truePositives) / Double(bad) : nil
    }

    /// How many answers have a label.
    public var count: Int { truePositives + falsePositives + falseNegatives + trueNegatives }

    /// Counts the answers of a row that have labels.
    public mutating func add(_ row: Row) {
      for (isFlagged, isBad) in zip(row.flagged ?? [], row.isBad) {
        switch (isFlagged, isBad) {
        case (_, nil): break
        case (true, true?): truePositives += 1
        case (true, false?): falsePositives += 1
        case (false, true?): falseNegatives += 1
        case (false, false?): trueNegatives += 1
        }
      }
    }
  }

  /// Rows that are in the works together: enough to fill batches.
  private static let rowsTogether = 64

  /// Reads the rows of a file and hands over the scores of each: pairs, ranked answers, prompts
  /// with `responses`, conversations, or judged answers.
  /// - Parameters:
  ///   - threshold: answers with a lower score are flagged; nil flags none.
  ///   - whitens: whether scores are told with the mean 0 and the deviation 1 over the file; flags
  ///     go by the scores before that.
  ///   - body: takes the scores of each row, in order.
  /// - Throws: `DataError` naming the row that cannot be read.
  public func run(
    rows url: URL, threshold: Double?, whitens: Bool = false, _ body: (Row) throws -> Void
  ) throws {
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw DataError(.missingFile, "there is no such file", file: url.path)
    }
    var lines = try JSONLines(url: url)
    var whole: [Row] = []
    var waiting: [(line: Int, answers: Answers)] = []
    func flush() throws {
      let scores = try scorer.scores(of: waiting.flatMap(\.answers.texts))
      var start = 0
      for (line, answers) in waiting {
        let own = Array(scores[start..<start + answers.texts.count])
        start += own.count
        let row = row(line, answers, own, threshold)
        if whitens { whole.append(row) } else { try body(row) }
      }
      waiting = []
    }
    while let record = try lines.next() {
      waiting.append((record.location.line, try Answers(record.row())))
      if waiting.count == Self.rowsTogether { try flush() }
    }
    try flush()
    let white = CombinedReward.whitened(whole.flatMap(\.scores))
    var start = 0
    for var row in whole {
      row.scores = Array(white[start..<start + row.scores.count])
      start += row.scores.count
      try body(row)
    }
  }

  private func row(
    _ line: Int, _ answers: Answers, _ scores: [Double], _ threshold: Double?
  ) -> Row {
    // Equal scores keep the order of the row.
    let ranking = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
    return Row(
      line: line, scores: scores, ranking: ranking, best: ranking.first ?? 0,
      flagged: threshold.map { limit in scores.map { $0 < limit } },
      agrees: answers.prefersFirst ? scores[0] > scores[1] : nil, isBad: answers.isBad)
  }
}

/// The answers of a row, each with the prompt before it.
private struct Answers {
  private(set) var texts: [RewardScorer.Text] = []
  /// Whether the first of two is the preferred one.
  private(set) var prefersFirst = false
  /// Whether each is a bad one, where the row says.
  private(set) var isBad: [Bool?] = []

  init(_ row: SourceRow) throws(DataError) {
    let isSafetyPrompt = try Self.isSafetyPrompt(row)
    texts = try read(row).map {
      RewardScorer.Text(messages: $0, isSafetyPrompt: isSafetyPrompt, location: row.location)
    }
  }

  private mutating func read(_ row: SourceRow) throws(DataError) -> [[Message]] {
    let ranking = RankingLayout()
    if ranking.claims(row) {
      let prompt = try ranking.prompt(of: row)
      let answers = try ranking.answers(of: row)
      if answers.isEmpty {
        throw DataError(
          .misfit, at: row.location, path: "responses", "there is no answer to score")
      }
      return answers.map { prompt + $0 }
    }
    switch try Layouts.sniff(row).example(from: row) {
    case .preference(let pair):
      prefersFirst = true
      isBad = pair.isSafe.map { $0.map { !$0 } }
      return [pair.prompt + pair.chosen, pair.prompt + pair.rejected]
    case .judged(let answer):
      isBad = [!answer.isDesirable]
      return [answer.prompt + answer.completion]
    case .conversation(let conversation): return [conversation.messages]
    case .ranking, .text, .prompt:
      throw DataError(
        .misfit, at: row.location,
        "the row has no answer to score; expected `messages`, a prompt with `completion`, with"
          + " `responses`, or with `chosen` and `rejected`")
    }
  }

  private static func isSafetyPrompt(_ row: SourceRow) throws(DataError) -> Bool {
    guard let value = row["is_safety"] else { return false }
    guard let flag = value.bool else {
      throw DataError(
        .misfit, at: row.location, path: "is_safety",
        "found \(value.excerpt), expected true or false")
    }
    return flag
  }
}
