import HalterOptim
import Testing

/// What holds for a schedule of any shape; the golden values are among the parity tests.
@Suite struct ScheduleTests {
  static let shapes: [Schedule.Shape] = [
    .constant, .linear(floor: 0), .linear(floor: 0.1), .cosine(floor: 0), .cosine(floor: 0.2),
    .wsd(decay: 0.2, floor: 0), .wsd(decay: 1, floor: 0.1),
  ]

  private func rates(_ shape: Schedule.Shape, warmup: Int, steps: Int) -> [Double] {
    let schedule = Schedule(peak: 2, shape: shape, warmupSteps: warmup, totalSteps: steps)
    return (0..<steps).map { schedule.learningRate(at: $0) }
  }

  @Test(arguments: shapes) func warmsUpInAStraightLine(shape: Schedule.Shape) {
    let warm = rates(shape, warmup: 4, steps: 20)
    #expect(Array(warm.prefix(5)) == [0, 0.5, 1, 1.5, 2])
  }

  @Test(arguments: shapes) func neverRisesAfterTheWarmup(shape: Schedule.Shape) {
    let all = rates(shape, warmup: 5, steps: 50)
    for (before, after) in zip(all.dropFirst(5), all.dropFirst(6)) { #expect(after <= before) }
    #expect(all.allSatisfy { $0 >= 0 && $0 <= 2 })
  }

  @Test(arguments: shapes) func startsAtThePeakWithoutWarmup(shape: Schedule.Shape) {
    #expect(rates(shape, warmup: 0, steps: 10)[0] == 2)
  }

  @Test(arguments: shapes) func staysAtItsEndAfterTheLastStep(shape: Schedule.Shape) {
    let schedule = Schedule(peak: 2, shape: shape, warmupSteps: 2, totalSteps: 10)
    let end: Double =
      switch shape {
      case .constant: 2
      case .linear(let floor), .cosine(let floor), .wsd(_, let floor): 2 * floor
      }
    for step in [10, 11, 1000] { #expect(abs(schedule.learningRate(at: step) - end) < 1e-12) }
  }

  @Test(arguments: shapes) func aWarmupLongerThanTheRunIsTheRun(shape: Schedule.Shape) {
    let schedule = Schedule(peak: 2, shape: shape, warmupSteps: 50, totalSteps: 10)
    #expect(schedule.warmupSteps == 10)
    #expect((0..<10).allSatisfy { schedule.learningRate(at: $0) == 2 * Double($0) / 10 })
  }

  @Test(arguments: shapes) func aRunOfOneStepIsFinite(shape: Schedule.Shape) {
    #expect(rates(shape, warmup: 0, steps: 1) == [2])
    let none = Schedule(peak: 2, shape: shape, warmupSteps: 0, totalSteps: 0)
    #expect(none.learningRate(at: 0).isFinite)
  }

  @Test func halfwayThroughACosine() {
    let schedule = Schedule(
      peak: 2, shape: .cosine(floor: 0.5), warmupSteps: 10, totalSteps: 30)
    #expect(abs(schedule.learningRate(at: 20) - 2 * 0.75) < 1e-12)
  }

  @Test func stableUntilTheDecay() {
    let all = rates(.wsd(decay: 0.25, floor: 0.2), warmup: 2, steps: 20)
    #expect(all[2..<16].allSatisfy { $0 == 2 })
    // Five steps from the peak to a fifth of it; the floor would be the rate after the last.
    for (index, share) in [0.0, 0.2, 0.4, 0.6, 0.8].enumerated() {
      #expect(abs(all[15 + index] - 2 * (1 - 0.8 * share)) < 1e-12)
    }
  }
}
