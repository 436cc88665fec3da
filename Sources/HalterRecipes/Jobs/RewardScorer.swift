import HalterData
import HalterTokenizers
import HalterTraining

/// What gives answers their scores: one reward model, or one of helpfulness and one of safety.
public struct RewardScorer {
  /// A prompt with an answer.
  struct Text {
    let messages: [Message]
    /// Whether the prompt is marked as one about safety.
    var isSafetyPrompt = false
    let location: RowLocation
  }

  /// The model that scores everything, or what the safety model leaves to it.
  let main: RewardSession
  private let safety: (session: RewardSession, rule: CombinedReward)?

  /// A scorer of one model.
  public init(_ model: RewardSession) {
    main = model
    safety = nil
  }

  /// A scorer of two models.
  public init(helpful: RewardSession, safety: RewardSession, rule: CombinedReward) {
    main = helpful
    self.safety = (safety, rule)
  }

  /// The scores of texts.
  /// - Throws: `DataError` naming the row that cannot be rendered or is too long.
  func scores(of texts: [Text]) throws(DataError) -> [Double] {
    let helpful = try Self.scores(of: texts, by: main)
    guard let safety else { return helpful }
    return zip(zip(helpful, try Self.scores(of: texts, by: safety.session)), texts).map {
      safety.rule.score(
        helpful: $0.0, safety: $0.1, isSafetyPrompt: $1.isSafetyPrompt)
    }
  }

  private static func scores(
    of texts: [Text], by session: RewardSession
  ) throws(DataError) -> [Double] {
    var rows: [TokenizedRow] = []
    for text in texts { rows.append(try session.tokens(of: text.messages, at: text.location)) }
    return session.scores(of: rows)
  }

  /// Comparisons of a set with the scores that both models together give; as they are where there
  /// is one model.
  /// - Parameters:
  ///   - comparisons: the main model's, by row.
  ///   - compared: measures the same rows with another model, also by row.
  func combined(
    _ comparisons: [RowLocation: ScoredComparison],
    _ compared: (RewardSession) throws -> [RowLocation: ScoredComparison]
  ) throws -> [RowLocation: ScoredComparison] {
    guard let safety else { return comparisons }
    return try comparisons.merging(compared(safety.session)) { helpful, other in
      helpful.scoring(
        zip(helpful.scores, other.scores).map {
          safety.rule.score(helpful: $0, safety: $1, isSafetyPrompt: false)
        })
    }.filter { comparisons[$0.key] != nil }
  }
}
