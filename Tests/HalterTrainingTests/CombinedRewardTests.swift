import Foundation
import HalterTraining
import Testing

/// One reward out of two.
@Suite struct CombinedRewardTests {
  @Test func theSafetyModelDecidesWhereItSeesDanger() {
    let rule = CombinedReward()
    // σ(−1.8) is 0.142, σ(−1.7) is 0.154.
    #expect(rule.score(helpful: 5, safety: -1.8, isSafetyPrompt: false) == -1.8)
    #expect(rule.score(helpful: 5, safety: -1.7, isSafetyPrompt: false) == 5)
    #expect(rule.score(helpful: 5, safety: 3, isSafetyPrompt: true) == 3)
    #expect(
      CombinedReward(threshold: 0.5).score(helpful: 5, safety: -0.1, isSafetyPrompt: false) == -0.1)
    #expect(CombinedReward(threshold: 0).score(helpful: 5, safety: -99, isSafetyPrompt: false) == 5)
  }

  @Test func whitenedScoresHaveMeanZeroAndDeviationOne() {
    let white = CombinedReward.whitened([1, 2, 3, 6])
    #expect(abs(white.reduce(0, +)) < 1e-9)
    #expect(abs(white.reduce(0) { $0 + $1 * $1 } / 3 - 1) < 1e-6)
    #expect(white == white.sorted())
    #expect(CombinedReward.whitened([4, 4]) == [0, 0])
    #expect(CombinedReward.whitened([4]) == [0])
    #expect(CombinedReward.whitened([]) == [])
  }
}
