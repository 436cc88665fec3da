import Foundation
import HalterData
import HalterTraining
import Testing

/// What is told of scores and preferences, with numbers worked out by hand.
@Suite struct PreferenceReportTests {
  private func comparison(
    _ better: Double, _ worse: Double, lengths: [Int] = [10, 10], margin: Double? = nil,
    level: PreferenceLevel? = nil, loss: Double = 0
  ) -> ScoredComparison {
    ScoredComparison(
      scores: [better, worse], lengths: lengths, margin: margin, level: level, loss: loss)
  }

  @Test func intervalsAreWilsons() throws {
    // 45 of 58, and none of 10.
    let interval = try #require(Proportion(hits: 45, count: 58).interval)
    #expect(abs(interval.low - 0.653389) < 1e-6)
    #expect(abs(interval.high - 0.864063) < 1e-6)
    let none = try #require(Proportion(hits: 0, count: 10).interval)
    #expect(none.low == 0 && abs(none.high - 0.277533) < 1e-6)
    #expect(Proportion(hits: 0, count: 0).interval == nil)
  }

  @Test func theBasicsAreThoseOfTRL() throws {
    let report = try #require(
      PreferenceReport([
        comparison(2, 1, loss: 0.25), comparison(0, 3, loss: 0.75), comparison(1, 1, loss: 0.5),
      ]))
    #expect(report.accuracy == Proportion(hits: 1, count: 3))
    #expect(report.loss == 0.5)
    #expect(abs(report.margin - (1 - 3 + 0) / 3) < 1e-12)
    #expect(abs(report.meanReward - 8.0 / 6) < 1e-12)
    #expect(report.minReward == 0 && report.maxReward == 3)
    #expect(report.levels.isEmpty)
  }

  @Test func everyTwoOfRankedAnswersAreAPair() throws {
    let report = try #require(
      PreferenceReport([
        ScoredComparison(scores: [3, 1, 2], lengths: [1, 2, 3], loss: 1)
      ]))
    #expect(report.comparisons == 1)
    #expect(report.accuracy == Proportion(hits: 2, count: 3))
  }

  @Test func levelsAreWordsOrMargins() throws {
    let words = try #require(
      PreferenceReport([
        comparison(2, 1, level: .slightly), comparison(2, 1, level: .significantly),
        comparison(0, 1, level: .significantly),
      ]))
    #expect(words.levels.map(\.name) == ["significantly better", "slightly better"])
    #expect(words.levels.map(\.accuracy.hits) == [1, 1])
    let margins = try #require(
      PreferenceReport([comparison(2, 1, margin: 0.5), comparison(2, 1, margin: 3)]))
    #expect(margins.levels.count == 2)
  }

  @Test func calibrationComparesConfidenceWithOutcome() throws {
    // Four pairs of which the model is sure to σ(2) = 0.8808, three of them right.
    let report = try #require(
      PreferenceReport([
        comparison(2, 0), comparison(3, 1), comparison(1, -1), comparison(0, 2),
      ]))
    #expect(report.calibration.count == 1)
    let bin = report.calibration[0]
    #expect(abs(bin.low - 0.85) < 1e-12 && abs(bin.high - 0.9) < 1e-12)
    #expect(bin.accuracy == Proportion(hits: 3, count: 4))
    let sure = 1 / (1 + exp(-2.0))
    #expect(abs(bin.confidence - sure) < 1e-12)
    #expect(abs(report.calibrationError - (sure - 0.75)) < 1e-12)
  }

  @Test func lengthBiasShows() throws {
    let report = try #require(
      PreferenceReport([
        comparison(5, 1, lengths: [50, 10]), comparison(1, 5, lengths: [10, 50]),
        comparison(2, 1, lengths: [20, 10]), comparison(3, 3, lengths: [30, 30]),
      ]))
    #expect(report.lengthCorrelation > 0.95)
    #expect(report.longerPreferred == Proportion(hits: 2, count: 3))
    #expect(report.longerScored == Proportion(hits: 3, count: 3))
    #expect(
      report.lengths.map(\.name) == [
        "shorter by 32 or more", "about as long", "longer by 8 to 31", "longer by 32 or more",
      ])
    #expect(report.lengths.map(\.accuracy.hits) == [0, 0, 1, 1])
  }

  @Test func theHistogramHasEveryPairOnce() throws {
    let margins = (0..<100).map { Double($0 * 37 % 100) / 10 - 4 }
    let report = try #require(PreferenceReport(margins.map { comparison($0, 0) }))
    #expect(report.histogram.reduce(0) { $0 + $1.count } == 100)
    #expect((5...30).contains(report.histogram.count))
    for bin in report.histogram {
      #expect(
        bin.count == margins.count { $0 >= bin.low - 1e-9 && $0 < bin.high - 1e-9 }, "\(bin)")
    }
  }

  @Test func oddScoresBreakNothing() throws {
    #expect(PreferenceReport([]) == nil)
    for scores in [[1e300, -1e300], [.infinity, 0], [.nan, 0], [0, 0]] {
      let report = try #require(
        PreferenceReport([ScoredComparison(scores: scores, lengths: [1, 2], loss: 0)]))
      #expect(report.accuracy.count == 1)
    }
    let same = try #require(PreferenceReport([comparison(1e13, 1e13 - 1)]))
    #expect(same.histogram.reduce(0) { $0 + $1.count } == 1)
  }

  @Test func theReportComesBackFromItsJSON() throws {
    let report = try #require(
      PreferenceReport([comparison(2, 1, level: .slightly), comparison(0, 3, level: .better)]))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let json = try #require(report.json)
    #expect(json.contains("\"calibration_error\""))
    #expect(try decoder.decode(PreferenceReport.self, from: Data(json.utf8)) == report)
  }
}
