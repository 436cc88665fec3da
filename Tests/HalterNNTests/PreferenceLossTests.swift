import HalterBackend
import HalterNN
import HalterTensor
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The loss of preferences by its definition, and its gradients.
@Suite struct PreferenceLossTests {
  @Test func ofTwoAnswersItIsThatOfBradleyAndTerry() {
    let objective = PreferenceObjective()
    for (better, worse, margin) in [(1.0, 0.0, 0.0), (-0.3, 2.0, 0.5), (0, 0, 3), (4, -4, 1)] {
      let (loss, gradient) = objective.loss(of: [better, worse], margin: margin)
      let z = better - worse - margin
      #expect(abs(loss - log(1 + exp(-z))) < 1e-12)
      #expect(abs(gradient[0] + 1 / (1 + exp(z))) < 1e-12)
      #expect(abs(gradient[1] - 1 / (1 + exp(z))) < 1e-12)
    }
  }

  @Test func equalScoresLoseTheLogarithmOfTwo() {
    #expect(abs(PreferenceObjective().loss(of: [7, 7]).loss - log(2)) < 1e-15)
  }

  @Test func ofManyAnswersItIsThatOfPlackettAndLuce() {
    let scores = [0.5, 1.5, -1, 0.25]
    var expected = 0.0
    for first in 0..<3 {
      expected -= scores[first] - log(scores[first...].reduce(0) { $0 + exp($1) })
    }
    #expect(abs(PreferenceObjective().loss(of: scores).loss - expected) < 1e-12)
  }

  @Test func allOrdersTogetherAreCertain() {
    let scores = [0.3, -1.2, 2.0]
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    let sum = orders.reduce(0.0) { sum, order in
      sum + exp(-PreferenceObjective().loss(of: order.map { scores[$0] }).loss)
    }
    #expect(abs(sum - 1) < 1e-12)
  }

  @Test(arguments: [[3.0, -2], [0.5, 0.4, -1.5], [2, -1, 0, 0.5, 0.5]], [0.0, 0.1])
  func gradientsAreSlopes(scores: [Double], smoothing: Double) {
    let objective = PreferenceObjective(labelSmoothing: smoothing, centering: 0.3, safety: 0.7)
    let safe = scores.indices.map { $0 == 1 ? nil : $0 == 0 }
    let margin = scores.count == 2 ? 0.5 : 0
    let gradient = objective.loss(of: scores, margin: margin, safe: safe).gradient
    for index in scores.indices {
      func loss(_ step: Double) -> Double {
        var moved = scores
        moved[index] += step
        return objective.loss(of: moved, margin: margin, safe: safe).loss
      }
      #expect(abs((loss(1e-5) - loss(-1e-5)) / 2e-5 - gradient[index]) < 1e-8)
    }
  }

  @Test func smoothingMixesWithTheReverseOrder() {
    let plain = PreferenceObjective()
    let smooth = PreferenceObjective(labelSmoothing: 0.2)
    let (forth, back) = (plain.loss(of: [2, -1]).loss, plain.loss(of: [-1, 2]).loss)
    #expect(abs(smooth.loss(of: [2, -1]).loss - (0.8 * forth + 0.2 * back)) < 1e-12)
  }

  @Test func centeringAddsTheSquaredSumOfAPair() {
    let plain = PreferenceObjective().loss(of: [2, 1]).loss
    #expect(abs(PreferenceObjective(centering: 0.01).loss(of: [2, 1]).loss - plain - 0.09) < 1e-12)
  }

  @Test func safetyIsTheCrossEntropyOfEachLabelledAnswer() {
    let plain = PreferenceObjective().loss(of: [2, 1]).loss
    let both = PreferenceObjective(safety: 1).loss(of: [2, 1], safe: [true, false]).loss
    #expect(abs(both - plain - (log(1 + exp(-2)) + log(1 + exp(1))) / 2) < 1e-12)
    #expect(PreferenceObjective(safety: 1).loss(of: [2, 1], safe: [nil, nil]).loss == plain)
    #expect(PreferenceObjective(safety: 1).loss(of: [2, 1]).loss == plain)
  }

  @Test func hugeScoresOverflowNothing() {
    for scores in [[1e4, -1e4], [-1e4, 1e4], [1e300, 0, -1e300]] {
      let (loss, gradient) = PreferenceObjective().loss(of: scores)
      #expect(loss.isFinite && gradient.allSatisfy(\.isFinite), "\(scores)")
    }
    #expect(PreferenceObjective().loss(of: [-1e4, 1e4]).loss == 2e4)
  }

  @Test func theOperationWeighsAndScales() {
    let backend = CPUBackend(threads: 1)
    let scores = Tensor([1, 0, -1, 2, 0.5] as [Float], shape: [5], on: backend)
      .requiringGradient()
    let comparisons = [
      ScoreComparison(answers: 0..<2, margin: 0.5, weight: 2),
      ScoreComparison(answers: 2..<5, weight: 0.5),
    ]
    let (loss, losses) = preferenceLoss(scores, comparisons, PreferenceObjective(), scale: 0.25)
    loss.backward()
    let first = PreferenceObjective().loss(of: [1, 0], margin: 0.5)
    let second = PreferenceObjective().loss(of: [-1, 2, 0.5])
    #expect(losses == [first.loss, second.loss])
    #expect(abs(Double(loss.scalar) - 0.25 * (2 * first.loss + 0.5 * second.loss)) < 1e-6)
    let expected =
      first.gradient.map { 0.5 * $0 } + second.gradient.map { 0.125 * $0 }
    for (found, slope) in zip(scores.gradient?.floats ?? [], expected) {
      #expect(abs(Double(found) - slope) < 1e-6)
    }
  }
}
