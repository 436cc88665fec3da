import HalterData
import HalterNN

/// Answers to one prompt with the scores that a model gave them.
public struct ScoredComparison: Sendable, Equatable {
  /// The scores, those of better answers first.
  public var scores: [Double]
  /// The length of each answer in tokens.
  public var lengths: [Int]
  /// By how much the first is preferred, where the row says.
  public var margin: Double?
  /// The same in words, where the row says.
  public var level: PreferenceLevel?
  /// The loss of the comparison.
  public var loss: Double

  /// Scores of at least two answers, and a length for each.
  public init(
    scores: [Double], lengths: [Int], margin: Double? = nil, level: PreferenceLevel? = nil,
    loss: Double
  ) {
    precondition(scores.count > 1 && scores.count == lengths.count)
    self.scores = scores
    self.lengths = lengths
    self.margin = margin
    self.level = level
    self.loss = loss
  }

  /// The same answers with other scores, and the plain loss of these.
  public func scoring(_ scores: [Double]) -> ScoredComparison {
    ScoredComparison(
      scores: scores, lengths: lengths, margin: margin, level: level,
      loss: PreferenceObjective().loss(of: scores).loss)
  }

  /// Every two of the answers, the better one first.
  var pairs: [(chosen: Int, rejected: Int)] {
    scores.indices.flatMap { better in
      (better + 1..<scores.count).map { (better, $0) }
    }
  }
}

/// A share of a number of cases, with what it may be in truth.
public struct Proportion: Sendable, Equatable, Codable {
  /// How many cases hold.
  public var hits: Int
  /// How many there are.
  public var count: Int

  /// `hits` of `count` cases.
  public init(hits: Int, count: Int) {
    self.hits = hits
    self.count = count
  }

  /// The share; nil of no cases.
  public var share: Double? { count > 0 ? Double(hits) / Double(count) : nil }

  /// The bounds between which the true share lies with a confidence of 95 % (Wilson 1927): unlike
  /// the normal approximation they hold for few cases and shares near 0 and 1. Nil of no cases.
  public var interval: (low: Double, high: Double)? {
    guard let share else { return nil }
    let z = 1.959963984540054
    let n = Double(count)
    let center = (share + z * z / (2 * n)) / (1 + z * z / n)
    let half =
      z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
    return (max(0, center - half), min(1, center + half))
  }

  /// The share with one more case.
  mutating func add(_ hit: Bool) {
    count += 1
    if hit { hits += 1 }
  }
}

/// What the scores of a step say in short.
public struct RewardSummary: Sendable, Equatable, Codable {
  /// The share of pairs of which the preferred answer scores higher.
  public var accuracy: Double
  /// The mean of the preferred answer's score less the other's.
  public var margin: Double
  /// The mean of all scores.
  public var meanReward: Double
  /// The lowest score.
  public var minReward: Double
  /// The highest score.
  public var maxReward: Double

  /// A summary from its parts.
  public init(
    accuracy: Double, margin: Double, meanReward: Double, minReward: Double, maxReward: Double
  ) {
    self.accuracy = accuracy
    self.margin = margin
    self.meanReward = meanReward
    self.minReward = minReward
    self.maxReward = maxReward
  }

  /// The summary of some comparisons; nil of none.
  public init?(_ comparisons: [ScoredComparison]) {
    let scores = comparisons.flatMap(\.scores)
    guard let low = scores.min(), let high = scores.max() else { return nil }
    let margins = comparisons.flatMap { own in
      own.pairs.map { own.scores[$0.chosen] - own.scores[$0.rejected] }
    }
    accuracy = Double(margins.count { $0 > 0 }) / Double(margins.count)
    margin = margins.reduce(0, +) / Double(margins.count)
    meanReward = scores.reduce(0, +) / Double(scores.count)
    (minReward, maxReward) = (low, high)
  }
}
