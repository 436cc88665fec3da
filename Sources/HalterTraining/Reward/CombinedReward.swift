import HalterNN

/// One reward out of two models (Touvron et al. 2023, section 3.2.3): the safety model decides where
/// a prompt is about safety or an answer looks unsafe, and the helpfulness model everywhere else.
public struct CombinedReward: Sendable, Equatable {
  /// The probability of being safe, σ of the safety score, below which that score counts.
  public var threshold: Double

  /// A rule with a threshold; that of the paper is 0.15.
  public init(threshold: Double = 0.15) {
    precondition((0...1).contains(threshold), "CombinedReward: the threshold is \(threshold)")
    self.threshold = threshold
  }

  /// The score that counts; both are logits.
  /// - Parameter isSafetyPrompt: whether the prompt is marked as one about safety.
  public func score(helpful: Double, safety: Double, isSafetyPrompt: Bool) -> Double {
    isSafetyPrompt || sigmoid(safety) < threshold ? safety : helpful
  }

  /// Scores shifted and scaled to the mean 0 and the deviation 1, so that rewards of two models are
  /// of one size; a single score, or equal ones, become 0.
  ///
  /// The paper whitens the logit of the probability, which is the score itself.
  public static func whitened(_ scores: [Double]) -> [Double] {
    guard scores.count > 1 else { return scores.map { _ in 0 } }
    let mean = scores.reduce(0, +) / Double(scores.count)
    let variance =
      scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(scores.count - 1)
    return scores.map { ($0 - mean) / (variance + 1e-8).squareRoot() }
  }
}
