import HalterBackend
import HalterTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What is asked of the scores of answers to one prompt, of which some are better than others.
public struct PreferenceObjective: Sendable, Equatable {
  /// The probability that a comparison is taken to be the wrong way round.
  public var labelSmoothing: Double
  /// The coefficient of (r₁ + r₂)², which keeps scores around 0 (Eisenstein et al. 2023); of more
  /// answers than two, of the square of twice their mean.
  public var centering: Double
  /// The coefficient of the cross-entropy of σ(r) with whether the answer is safe, where that is
  /// known (Touvron et al. 2023, appendix A.3.4).
  public var safety: Double

  /// An objective; without anything, the plain loss of Bradley and Terry or Plackett and Luce.
  public init(labelSmoothing: Double = 0, centering: Double = 0, safety: Double = 0) {
    self.labelSmoothing = labelSmoothing
    self.centering = centering
    self.safety = safety
  }

  /// The loss of one comparison, and its gradient by each score.
  ///
  /// Of two answers it is −log σ(r₁ − r₂ − margin) (Bradley & Terry 1952; Touvron et al. 2023,
  /// section 3.2.2), of more −log of the probability of their order by Plackett and Luce: each is
  /// preferred to all behind it. Smoothing mixes it with the loss of the reverse order.
  /// - Parameters:
  ///   - scores: the scores, those of better answers first; at least two.
  ///   - margin: by how much the first is to lie above the second; 0 for more than two.
  ///   - safe: whether each answer is safe, where that is known; empty for none.
  public func loss(
    of scores: [Double], margin: Double = 0, safe: [Bool?] = []
  ) -> (loss: Double, gradient: [Double]) {
    precondition(scores.count > 1, "a comparison of \(scores.count) answers")
    precondition(margin == 0 || scores.count == 2, "a margin is between two answers")
    var lowered = scores
    lowered[0] -= margin
    var (loss, gradient) = Self.plackettLuce(lowered)
    if labelSmoothing > 0 {
      let (other, reversed) = Self.plackettLuce(lowered.reversed())
      loss = (1 - labelSmoothing) * loss + labelSmoothing * other
      for (index, slope) in reversed.reversed().enumerated() {
        gradient[index] = (1 - labelSmoothing) * gradient[index] + labelSmoothing * slope
      }
    }
    if centering > 0 {
      let center = 2 * scores.reduce(0, +) / Double(scores.count)
      loss += centering * center * center
      for index in gradient.indices {
        gradient[index] += centering * 4 * center / Double(scores.count)
      }
    }
    let labelled = safety > 0 ? safe.indices.filter { safe[$0] != nil } : []
    for index in labelled {
      let sign = safe[index] == true ? 1.0 : -1
      let share = safety / Double(labelled.count)
      loss += share * softplus(-sign * scores[index])
      gradient[index] -= share * sign * sigmoid(-sign * scores[index])
    }
    return (loss, gradient)
  }

  /// −log p of the order of the scores, and its gradient.
  private static func plackettLuce(_ scores: [Double]) -> (loss: Double, gradient: [Double]) {
    var loss = 0.0
    var gradient = [Double](repeating: 0, count: scores.count)
    for first in scores.indices.dropLast() {
      let rest = scores[first...]
      let highest = rest.reduce(-.infinity) { max($0, $1) }
      let sum = rest.reduce(0.0) { $0 + exp($1 - highest) }
      // Far above the others the difference would vanish in log(sum); of two it is exact so.
      loss +=
        rest.count == 2
        ? softplus(scores[first + 1] - scores[first]) : log(sum) + highest - scores[first]
      for index in rest.indices { gradient[index] += exp(scores[index] - highest) / sum }
      gradient[first] -= 1
    }
    return (loss, gradient)
  }
}

/// The logistic function 1 / (1 + e⁻ˣ).
public func sigmoid(_ x: Double) -> Double {
  x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x))
}

/// log(1 + eˣ) = −log σ(−x), without overflow.
public func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }

/// Scores that are compared: a run of answers to one prompt, the better ones first.
public struct ScoreComparison: Sendable, Equatable {
  /// Where the scores stand among all.
  public var answers: Range<Int>
  /// By how much the first is to lie above the second.
  public var margin: Double
  /// How much the comparison counts.
  public var weight: Double
  /// Whether each answer is safe, where that is known; empty for none.
  public var safe: [Bool?]

  /// A comparison of at least two answers.
  public init(answers: Range<Int>, margin: Double = 0, weight: Double = 1, safe: [Bool?] = []) {
    self.answers = answers
    self.margin = margin
    self.weight = weight
    self.safe = safe
  }
}

/// scale · Σ weight · loss over comparisons of scores, as one operation.
/// - Parameters:
///   - scores: the scores of all answers, `[S]`.
///   - scale: usually 1 / (sum of the weights of the whole optimiser step).
/// - Returns: the loss, a scalar, and the loss of each comparison before weight and scale.
public func preferenceLoss(
  _ scores: Tensor, _ comparisons: [ScoreComparison], _ objective: PreferenceObjective,
  scale: Float
) -> (loss: Tensor, losses: [Double]) {
  let values = scores.floats.map(Double.init)
  var losses: [Double] = []
  var gradient = [Float](repeating: 0, count: values.count)
  var sum = 0.0
  for comparison in comparisons {
    let (loss, slopes) = objective.loss(
      of: Array(values[comparison.answers]), margin: comparison.margin, safe: comparison.safe)
    losses.append(loss)
    sum += comparison.weight * loss
    for (index, slope) in zip(comparison.answers, slopes) {
      gradient[index] += Float(comparison.weight * slope) * scale
    }
  }
  let backend = scores.backend
  let shape = scores.shape
  let total = Tensor([Float(sum * Double(scale))], shape: [], on: backend)
  let recorded = total.recorded(from: [scores]) { upstream in
    let factor = upstream.scalar
    return [Tensor(gradient.map { $0 * factor }, shape: shape, on: backend)]
  }
  return (recorded, losses)
}
