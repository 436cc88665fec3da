import HalterData
import Testing

/// Sources of different weights in one run.
@Suite struct SourceMixTests {
  private func planner(_ weights: [Double], rows: Int, seed: UInt64 = 5) -> BatchPlanner {
    let count = rows * weights.count
    return BatchPlanner(
      lengths: BatchPlannerTests.lengths(count),
      sources: weights.enumerated().map { index, weight in
        RowSource(rows: index * rows..<(index + 1) * rows, weight: weight)
      }, budget: .tokens(1024), accumulate: 2, seed: seed)
  }

  /// How often each row comes in some epochs.
  private func draws(_ planner: BatchPlanner, epochs: Range<Int>) -> [Int] {
    var counts = [Int](repeating: 0, count: planner.lengths.count)
    for epoch in epochs {
      for row in planner.epoch(epoch).microBatches.flatMap(\.self) { counts[row] += 1 }
    }
    return counts
  }

  @Test func wholeWeightsDrawEveryRowThatOften() {
    #expect(draws(planner([1, 2, 3], rows: 50), epochs: 0..<1).prefix(50).allSatisfy { $0 == 1 })
    let counts = draws(planner([1, 2, 3], rows: 50), epochs: 4..<5)
    #expect(counts[50..<100].allSatisfy { $0 == 2 })
    #expect(counts[100...].allSatisfy { $0 == 3 })
  }

  @Test(arguments: [100, 101, 7, 1]) func halvesMakeAWhole(rows: Int) {
    let planner = planner([0.5], rows: rows)
    let halves = (0..<6).map { draws(planner, epochs: $0..<$0 + 1) }
    for half in halves {
      #expect(half.allSatisfy { $0 <= 1 })
      #expect(abs(Double(half.reduce(0, +)) - Double(rows) / 2) <= 0.5)
    }
    for first in [0, 2, 4] {
      #expect(zip(halves[first], halves[first + 1]).allSatisfy { $0 + $1 == 1 })
    }
    // Another pass is cut in other halves.
    if rows >= 100 { #expect(halves[0] != halves[2]) }
  }

  @Test func oneAndAHalfTakesAllAndHalfOfThemTwice() {
    let planner = planner([1.5], rows: 80)
    for epoch in 0..<4 {
      let counts = draws(planner, epochs: epoch..<epoch + 1)
      #expect(counts.allSatisfy { $0 == 1 || $0 == 2 })
      #expect(counts.count { $0 == 2 } == 40)
    }
    #expect(draws(planner, epochs: 0..<2).allSatisfy { $0 == 3 })
  }

  @Test(arguments: [0.1, 0.3, 1.0 / 3, 0.77, 1.25, 2.9]) func noRowIsEverFarBehind(
    weight: Double
  ) {
    let planner = planner([weight, 1], rows: 97)
    for epochs in 1...12 {
      let counts = draws(planner, epochs: 0..<epochs).prefix(97)
      #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
      #expect(abs(Double(counts.reduce(0, +)) - Double(epochs) * weight * 97) <= 0.5)
    }
  }

  @Test func sharesAreWhatIsDrawn() {
    let planner = planner([0.5, 1, 2.5], rows: 61)
    for epoch in 0..<3 {
      let counts = draws(planner, epochs: epoch..<epoch + 1)
      for (source, share) in zip(planner.sources, planner.shares(epoch: epoch)) {
        #expect(share.rows == counts[source.rows].reduce(0, +))
        #expect(
          share.tokens == source.rows.reduce(0) { $0 + counts[$1] * planner.lengths[$1] })
      }
    }
  }

  @Test func mixesResumeAtAnyStep() throws {
    let whole = planner([0.3, 1.7], rows: 40)
    let all = (0..<6).flatMap { whole.epoch($0).steps }
    #expect(all.count == whole.stepCount(epochs: 6))
    for step in all.indices {
      let resumed = planner([0.3, 1.7], rows: 40)
      let place = try #require(resumed.position(ofStep: step))
      #expect(resumed.epoch(place.epoch).step(place.step) == all[step])
    }
  }

  @Test func seedsChooseOtherHalves() {
    let one = draws(planner([0.5], rows: 60, seed: 1), epochs: 0..<1)
    #expect(one == draws(planner([0.5], rows: 60, seed: 1), epochs: 0..<1))
    #expect(one != draws(planner([0.5], rows: 60, seed: 2), epochs: 0..<1))
  }

  @Test func sourcesOfOneRunAreCutIndependently() {
    let counts = draws(planner([0.5, 0.5], rows: 60), epochs: 0..<1)
    #expect(Array(counts[..<60]) != Array(counts[60...]))
  }

  @Test func rowsOutsideAnySourceAreNotDrawn() {
    let planner = BatchPlanner(
      lengths: [5, 6, 7, 8], sources: [RowSource(rows: 1..<3)], budget: .tokens(100), seed: 0)
    #expect(planner.epoch(0).microBatches.map { $0.sorted() } == [[1, 2]])
  }

  @Test func epochsThatDrawNothingHaveNoSteps() throws {
    let planner = planner([0.2], rows: 2)
    let steps = (0..<10).map { planner.epoch($0).stepCount }
    #expect(steps.reduce(0, +) == 4)
    #expect(steps.contains(0))
    #expect(steps.contains(1))
    #expect(try #require(planner.position(ofStep: 3)).epoch == steps.lastIndex(of: 1))
  }
}
