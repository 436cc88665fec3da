import HalterBackend
import HalterData
import HalterModels
import HalterNN
import HalterTensor

/// How a reward model is trained.
public struct RewardOptions: Sendable, Equatable {
  /// By how much a preferred answer is to score higher (Touvron et al. 2023, section 3.2.2).
  public enum Margin: Sendable, Equatable {
    /// By nothing in particular.
    case none
    /// By what the row's `margin` says.
    case column
    /// By what a table says for the row's `preference`, of each `PreferenceLevel` in their order.
    case levels([Double])

    /// The smaller table of the paper (its table 27): 0, 1/3, 2/3 and 1.
    public static let small = Margin.levels([0, 1.0 / 3, 2.0 / 3, 1])
    /// The larger table of the paper: 0 to 3.
    public static let large = Margin.levels([0, 1, 2, 3])
  }

  /// By how much a preferred answer is to score higher.
  public var margin: Margin
  /// What is asked of the scores.
  public var objective: PreferenceObjective
  /// The coefficient of the best answer's mean cross-entropy, by which the model stays one of
  /// language; 0 for none.
  public var languageModeling: Double
  /// Whether each prompt counts once, however many of its answers are compared; otherwise each
  /// comparison does.
  public var countsPromptsOnce: Bool

  /// Options.
  public init(
    margin: Margin = .none, objective: PreferenceObjective = PreferenceObjective(),
    languageModeling: Double = 0, countsPromptsOnce: Bool = true
  ) {
    self.margin = margin
    self.objective = objective
    self.languageModeling = languageModeling
    self.countsPromptsOnce = countsPromptsOnce
  }
}

/// Reward modelling: the scores of better answers rise above those of worse ones
/// (Stiennon et al. 2020; Touvron et al. 2023, section 3.2.2).
///
/// All answers of a row are texts of one flat batch, and the score of each is read at its last
/// token. Nothing is padded, so no place has to be found again.
public struct RewardMethod: Method {
  private let model: RewardModel
  private let train: RewardRows
  private let validation: RewardRows?
  private let options: RewardOptions
  private let recomputesBlocks: Bool

  public let name = "reward"

  /// Training of a reward model on compared answers.
  /// - Throws: `DataError` naming the first row without the margin that the options ask for.
  public init(
    model: RewardModel, train: Dataset, validation: Dataset?,
    options: RewardOptions = RewardOptions(), recomputesBlocks: Bool = false
  ) throws {
    self.model = model
    self.train = try RewardRows(train, options, countsPromptsOnce: options.countsPromptsOnce)
    // What is measured is each comparison, whatever training makes of it.
    self.validation = try validation.map {
      try RewardRows($0, options, countsPromptsOnce: false)
    }
    self.options = options
    self.recomputesBlocks = recomputesBlocks
  }

  public var trainLengths: [Int] { train.dataset.lengths }
  public var validationLengths: [Int] { validation?.dataset.lengths ?? [] }
  public var dataFingerprint: String { String(train.dataset.contentHash, radix: 16) }

  public func weight(of rows: [Int], in split: Split) throws -> Double {
    let set = self.set(split)
    return rows.reduce(0.0) { $0 + (set?.weights[$1] ?? 0) }
  }

  public func loss(
    of rows: [Int], in split: Split, scale: Double, dropoutSeed: UInt64?
  ) throws -> BatchLoss {
    guard let set = self.set(split) else { preconditionFailure("there are no validation rows") }
    let tokenized = try rows.map { row in try set.dataset.row(row) }
    let batch = Batch(rows: tokenized)
    let hidden = model.backbone.hidden(
      of: batch, dropoutSeed: dropoutSeed,
      recomputesBlocks: recomputesBlocks && gradientsAreRecorded)
    let scores = model.scores(hidden, segments: batch.segments)
    let comparisons = set.comparisons(rows)
    var (loss, losses) = preferenceLoss(
      scores, comparisons, options.objective, scale: Float(scale))
    if options.languageModeling > 0 {
      let (language, own) = languageLoss(hidden, batch, tokenized, comparisons, scale)
      loss = loss + language
      for index in losses.indices { losses[index] += own[index] }
    }
    let values = scores.floats
    return BatchLoss(
      loss: loss, sum: zip(comparisons, losses).reduce(0.0) { $0 + $1.0.weight * $1.1 },
      tokens: batch.tokens.count, trainedTokens: values.count,
      comparisons: zip(zip(rows, comparisons), losses).map { row, loss in
        let own = set.comparison(row.0)
        return ScoredComparison(
          scores: values[row.1.answers].map(Double.init), lengths: own.answerLengths,
          margin: own.margin.map(Double.init), level: own.level, loss: loss)
      })
  }

  private func set(_ split: Split) -> RewardRows? {
    switch split {
    case .train: train
    case .validation: validation
    }
  }

  /// The cross-entropy of the best answers: the mean over the tokens of each, so that long ones do
  /// not count more, weighed as the comparison is.
  private func languageLoss(
    _ hidden: Tensor, _ batch: Batch, _ rows: [TokenizedRow], _ comparisons: [ScoreComparison],
    _ scale: Double
  ) -> (loss: Tensor, losses: [Double]) {
    var shares: [Double] = []
    var weights: [Float] = []
    for (row, comparison) in zip(rows, comparisons) {
      let total = row.lossWeights.reduce(0.0) { $0 + Double($1) }
      let share = options.languageModeling / max(total, .leastNormalMagnitude)
      shares.append(share)
      weights += row.lossWeights.map { Float(Double($0) * share * comparison.weight) }
    }
    let trained = weights.indices.filter { weights[$0] != 0 }
    let targets = LossTargets(
      rows: trained.map { Int32($0 - 1) }, labels: trained.map { batch.tokens[$0] },
      weights: trained.map { weights[$0] })
    let (loss, logprobs) = linearCrossEntropy(
      hidden, head: model.backbone.head, targets: targets, scale: Float(scale))
    var losses: [Double] = []
    var (start, next) = (0, 0)
    for (row, share) in zip(rows, shares) {
      let end = start + row.tokens.count
      var sum = 0.0
      while next < trained.count, trained[next] < end {
        sum -= Double(logprobs[next]) * Double(row.lossWeights[trained[next] - start])
        next += 1
      }
      losses.append(sum * share)
      start = end
    }
    return (loss, losses)
  }
}

/// The rows of a set with what each asks for.
private struct RewardRows {
  let dataset: Dataset
  /// How much each row counts.
  let weights: [Double]
  private let margins: [Double]

  init(_ dataset: Dataset, _ options: RewardOptions, countsPromptsOnce: Bool) throws {
    var margins: [Double] = []
    var prompts: [UInt64] = []
    for index in 0..<dataset.count {
      guard let comparison = dataset.comparison(ofRow: index) else {
        throw DataError(
          .misfit, at: try dataset.row(index).location, "the row compares no answers")
      }
      guard let margin = options.margin.value(comparison) else {
        throw DataError(
          .misfit, at: try dataset.row(index).location, options.margin.complaint)
      }
      margins.append(margin)
      prompts.append(comparison.prompt)
    }
    var counts: [UInt64: Int] = [:]
    if countsPromptsOnce { for prompt in prompts { counts[prompt, default: 0] += 1 } }
    self.dataset = dataset
    self.margins = margins
    weights = prompts.map { 1 / Double(counts[$0] ?? 1) }
  }

  /// What a row says of its answers; every row does, as was seen when the set was made.
  func comparison(_ row: Int) -> AnswerComparison {
    guard let comparison = dataset.comparison(ofRow: row) else {
      preconditionFailure("row \(row) compares no answers")
    }
    return comparison
  }

  /// The comparisons of some rows, whose scores stand one after the other.
  func comparisons(_ rows: [Int]) -> [ScoreComparison] {
    var start = 0
    return rows.map { row in
      let own = comparison(row)
      let answers = start..<start + own.lengths.count
      start = answers.upperBound
      return ScoreComparison(
        answers: answers, margin: margins[row], weight: weights[row], safe: own.isSafe)
    }
  }
}

extension RewardOptions.Margin {
  /// The margin of a comparison; nil where the row does not say what is needed. Of more than two
  /// answers the order says all.
  fileprivate func value(_ comparison: AnswerComparison) -> Double? {
    if comparison.lengths.count > 2 { return 0 }
    switch self {
    case .none: return 0
    case .column: return comparison.margin.map(Double.init)
    case .levels(let table): return comparison.level.map { table[$0.rawValue] }
    }
  }

  /// What is wrong with a row without a margin.
  fileprivate var complaint: String {
    switch self {
    case .none: "the row has no margin"
    case .column:
      "the row has no `margin`, which `reward.margin: column` asks for; give it one, or leave"
        + " margins out with `reward.margin: none`"
    case .levels:
      "the row has no level in `preference`, which `reward.margin: {levels: …}` asks for: "
        + PreferenceLevel.allCases.reversed().map(\.words).joined(separator: ", ")
    }
  }
}
