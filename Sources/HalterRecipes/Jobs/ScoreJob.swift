import Foundation
import HalterData
import HalterJSON
import HalterNN
import HalterTokenizers
import HalterTraining

/// Scores the answers of rows with a reward model.
public struct ScoreJob {
  private let session: RewardSession

  /// A job on a reward model.
  public init(_ session: RewardSession) { self.session = session }

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
  ///   - body: takes the scores of each row, in order.
  /// - Throws: `DataError` naming the row that cannot be read.
  public func run(
    rows url: URL, threshold: Double?, _ body: (Row) throws -> Void
  ) throws {
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw DataError(.missingFile, "there is no such file", file: url.path)
    }
    var lines = try JSONLines(url: url)
    var waiting: [(line: Int, answers: Answers, texts: Range<Int>)] = []
    var texts: [TokenizedRow] = []
    func flush() throws {
      let scores = session.scores(of: texts)
      for (line, answers, range) in waiting {
        try body(row(line, answers, Array(scores[range]), threshold))
      }
      (waiting, texts) = ([], [])
    }
    while let record = try lines.next() {
      let answers = try Answers(record.row())
      let start = texts.count
      for text in answers.texts {
        texts.append(try session.tokens(of: text, at: record.location))
      }
      waiting.append((record.location.line, answers, start..<texts.count))
      if waiting.count == Self.rowsTogether { try flush() }
    }
    try flush()
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
  let texts: [[Message]]
  /// Whether the first of two is the preferred one.
  var prefersFirst = false
  /// Whether each is a bad one, where the row says.
  var isBad: [Bool?] = []

  init(_ row: SourceRow) throws(DataError) {
    let ranking = RankingLayout()
    if ranking.claims(row) {
      let prompt = try ranking.prompt(of: row)
      texts = try ranking.answers(of: row).map { prompt + $0 }
      if texts.isEmpty {
        throw DataError(
          .misfit, at: row.location, path: "responses", "there is no answer to score")
      }
      return
    }
    switch try Layouts.sniff(row).example(from: row) {
    case .preference(let pair):
      texts = [pair.prompt + pair.chosen, pair.prompt + pair.rejected]
      prefersFirst = true
      isBad = pair.isSafe.map { $0.map { !$0 } }
    case .judged(let answer):
      texts = [answer.prompt + answer.completion]
      isBad = [!answer.isDesirable]
    case .conversation(let conversation): texts = [conversation.messages]
    case .ranking, .text, .prompt:
      throw DataError(
        .misfit, at: row.location,
        "the row has no answer to score; expected `messages`, a prompt with `completion`, with"
          + " `responses`, or with `chosen` and `rejected`")
    }
  }
}
