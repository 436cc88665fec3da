import HalterData
import HalterNN

/// How well scores agree with preferences, and whether they can be believed: what is told of an
/// evaluation of a reward model. Of more than two answers, every two are a pair.
public struct PreferenceReport: Sendable, Equatable, Codable {
  /// Pairs of one kind.
  public struct Group: Sendable, Equatable, Codable {
    /// What they have in common.
    public var name: String
    /// Those of which the preferred answer scores higher.
    public var accuracy: Proportion
    /// The mean of the preferred answer's score less the other's.
    public var margin: Double
  }

  /// Pairs of which the model is about equally sure.
  public struct CalibrationBin: Sendable, Equatable, Codable {
    /// Where the bin starts and ends: probabilities that the higher answer is the better one.
    public var low: Double
    /// The end of the bin.
    public var high: Double
    /// The mean probability in it.
    public var confidence: Double
    /// Those of which the higher answer is the better one.
    public var accuracy: Proportion
  }

  /// Pairs with a margin in some range.
  public struct HistogramBin: Sendable, Equatable, Codable {
    /// The start of the range.
    public var low: Double
    /// Its end.
    public var high: Double
    /// The pairs.
    public var count: Int
  }

  /// The mean loss of a comparison.
  public var loss: Double
  /// The comparisons that the loss is over.
  public var comparisons: Int
  /// The pairs of which the preferred answer scores higher.
  public var accuracy: Proportion
  /// The bounds of a confidence of 95 % of the accuracy (Wilson 1927).
  public var accuracyLow: Double
  /// The upper bound.
  public var accuracyHigh: Double
  /// The mean of the preferred answer's score less the other's.
  public var margin: Double
  /// The mean of all scores.
  public var meanReward: Double
  /// The lowest score.
  public var minReward: Double
  /// The highest score.
  public var maxReward: Double
  /// The pairs by how much better the preferred answer is, the clearest first; empty where no row
  /// says.
  public var levels: [Group]
  /// The expected calibration error (Naeini et al. 2015): by how much the probability σ(r₁ − r₂)
  /// and the outcome differ in the mean, over the bins of `calibration`.
  public var calibrationError: Double
  /// How often the model is right when it is how sure; bins without pairs are left out.
  public var calibration: [CalibrationBin]
  /// The pairs by how much longer the preferred answer is, in tokens.
  public var lengths: [Group]
  /// The correlation (Pearson) of score and length over all answers; 0 where one of them is always
  /// the same.
  public var lengthCorrelation: Double
  /// The pairs of which the longer answer is preferred: what a model that knows length only would
  /// reach.
  public var longerPreferred: Proportion
  /// The pairs of which the longer answer scores higher.
  public var longerScored: Proportion
  /// How many pairs have which margin of scores.
  public var histogram: [HistogramBin]

  /// The report on some comparisons; nil of none.
  public init?(_ comparisons: [ScoredComparison]) {
    guard let summary = RewardSummary(comparisons) else { return nil }
    let pairs = comparisons.flatMap(ScoredPair.all)
    self.comparisons = comparisons.count
    loss = comparisons.reduce(0) { $0 + $1.loss } / Double(comparisons.count)
    accuracy = Self.accuracy(pairs)
    let interval = accuracy.interval ?? (0, 1)
    (accuracyLow, accuracyHigh) = (interval.low, interval.high)
    margin = summary.margin
    (meanReward, minReward, maxReward) =
      (summary.meanReward, summary.minReward, summary.maxReward)
    levels = Self.levels(pairs)
    calibration = Self.calibration(pairs)
    calibrationError = calibration.reduce(0.0) { sum, bin in
      sum + Double(bin.accuracy.count) / Double(pairs.count)
        * abs((bin.accuracy.share ?? 0) - bin.confidence)
    }
    lengths = Self.lengths(pairs)
    lengthCorrelation = Self.correlation(
      comparisons.flatMap(\.scores), comparisons.flatMap(\.lengths).map(Double.init))
    let unequal = pairs.filter { $0.lengthDifference != 0 }
    longerPreferred = Proportion(
      hits: unequal.count { $0.lengthDifference > 0 }, count: unequal.count)
    longerScored = Proportion(
      hits: unequal.count { ($0.lengthDifference > 0) == ($0.margin > 0) && $0.margin != 0 },
      count: unequal.count)
    histogram = Self.histogram(pairs.map(\.margin))
  }
}

/// Two answers, the preferred one first.
private struct ScoredPair {
  /// The score of the preferred answer less that of the other.
  let margin: Double
  /// How many tokens more the preferred answer has.
  let lengthDifference: Int
  /// What the row says of how much better it is; nil where it does not.
  let level: PreferenceLevel?
  let statedMargin: Double?

  static func all(_ comparison: ScoredComparison) -> [ScoredPair] {
    comparison.pairs.map { better, worse in
      ScoredPair(
        margin: comparison.scores[better] - comparison.scores[worse],
        lengthDifference: comparison.lengths[better] - comparison.lengths[worse],
        level: comparison.level, statedMargin: comparison.margin)
    }
  }
}

extension PreferenceReport {
  private static func accuracy(_ pairs: [ScoredPair]) -> Proportion {
    Proportion(hits: pairs.count { $0.margin > 0 }, count: pairs.count)
  }

  private static func group(_ name: String, _ pairs: [ScoredPair]) -> Group? {
    if pairs.isEmpty { return nil }
    return Group(
      name: name, accuracy: accuracy(pairs),
      margin: pairs.reduce(0) { $0 + $1.margin } / Double(pairs.count))
  }

  /// By the words of the rows, or where they have none, by their margins, if these are few.
  private static func levels(_ pairs: [ScoredPair]) -> [Group] {
    if pairs.contains(where: { $0.level != nil }) {
      return PreferenceLevel.allCases.reversed().compactMap { level in
        group(level.words, pairs.filter { $0.level == level })
      }
    }
    let margins = Set(pairs.compactMap(\.statedMargin))
    guard (1...8).contains(margins.count) else { return [] }
    return margins.sorted(by: >).compactMap { margin in
      group(
        "margin \(Quantities.short(margin))", pairs.filter { $0.statedMargin == margin })
    }
  }

  /// Ten bins of the probability that the higher answer is the better one, which is 0.5 to 1.
  private static func calibration(_ pairs: [ScoredPair]) -> [CalibrationBin] {
    let bins = 10
    var sums = [Double](repeating: 0, count: bins)
    var outcomes = [Proportion](repeating: Proportion(hits: 0, count: 0), count: bins)
    for pair in pairs {
      let confidence = sigmoid(abs(pair.margin))
      if confidence.isNaN { continue }
      let bin = min(bins - 1, Int((confidence - 0.5) * 2 * Double(bins)))
      sums[bin] += confidence
      outcomes[bin].add(pair.margin > 0)
    }
    return outcomes.indices.filter { outcomes[$0].count > 0 }.map { bin in
      CalibrationBin(
        low: 0.5 + Double(bin) / Double(2 * bins),
        high: 0.5 + Double(bin + 1) / Double(2 * bins),
        confidence: sums[bin] / Double(outcomes[bin].count), accuracy: outcomes[bin])
    }
  }

  private static func lengths(_ pairs: [ScoredPair]) -> [Group] {
    let ranges: [(name: String, range: ClosedRange<Int>)] = [
      ("shorter by 32 or more", Int.min...(-32)), ("shorter by 8 to 31", -31...(-8)),
      ("about as long", -7...7), ("longer by 8 to 31", 8...31),
      ("longer by 32 or more", 32...Int.max),
    ]
    return ranges.compactMap { name, range in
      group(name, pairs.filter { range.contains($0.lengthDifference) })
    }
  }

  private static func correlation(_ x: [Double], _ y: [Double]) -> Double {
    let count = Double(x.count)
    let (meanX, meanY) = (x.reduce(0, +) / count, y.reduce(0, +) / count)
    var (xx, yy, xy) = (0.0, 0.0, 0.0)
    for (a, b) in zip(x, y) {
      xx += (a - meanX) * (a - meanX)
      yy += (b - meanY) * (b - meanY)
      xy += (a - meanX) * (b - meanY)
    }
    return xx > 0 && yy > 0 ? xy / (xx * yy).squareRoot() : 0
  }

  /// About twenty bins of a round width, of which one starts at 0.
  private static func histogram(_ margins: [Double]) -> [HistogramBin] {
    let finite = margins.filter(\.isFinite)
    guard let low = finite.min(), let high = finite.max() else { return [] }
    let largest = max(low.magnitude, high.magnitude)
    let width = ChartAxis.roundStep(max(high - low, 1e-6, 1e-6 * largest) / 20)
    let first = Int((low / width).rounded(.down))
    let last = max(first, Int((high / width).rounded(.down)))
    var bins = (first...last).map {
      HistogramBin(low: Double($0) * width, high: Double($0 + 1) * width, count: 0)
    }
    for margin in finite {
      let bin = Int((margin / width).rounded(.down)) - first
      bins[min(max(0, bin), bins.count - 1)].count += 1
    }
    return bins
  }
}
