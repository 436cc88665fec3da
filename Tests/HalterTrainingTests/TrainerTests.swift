import Foundation
import HalterNN
import HalterOptim
import HalterTensor
import HalterTraining
import Testing

/// The loop, driven by a loss whose gradient is known by heart.
@Suite struct TrainerTests {
  @Test func theLossFalls() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 40)
      #expect(try run.run() == .finished)
      let losses = run.recorder.evaluations.map(\.loss)
      #expect(losses.count == 21)
      #expect(try #require(losses.last) < 0.5 * losses[0])
      #expect(zip(losses, losses.dropFirst()).allSatisfy { $0 > $1 })
    }
  }

  @Test func theLossOfAStepIsTheMeanOverItsRows() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 1, rows: [[1, 0, 0], [0, 2, 0]])
      try run.run()
      // |(4,-3,2) - (1,0,0)|² = 22 and |(4,-3,2) - (0,2,0)|² = 45.
      #expect(run.recorder.steps[0].loss == 33.5)
      #expect(run.recorder.steps[0].tokens == 2)
    }
  }

  @Test func theNormIsThatOfTheMeanGradient() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 1, rows: [[1, 0, 0], [0, 2, 0]])
      try run.run()
      // The mean gradient is 2 · (4 − 1/2, −3 − 1, 2).
      let expected = 2 * (3.5 * 3.5 + 16.0 + 4.0).squareRoot()
      #expect(abs(run.recorder.steps[0].gradientNorm - expected) < 1e-5)
    }
  }

  @Test(arguments: [1, 2, 4, 8])
  func accumulatingEqualsOneLargeBatch(parts: Int) throws {
    func train(accumulate: Int, rows: Int) throws -> [Float] {
      try withFolder { folder throws in
        let run = PointRun(in: folder, steps: 5)
        (run.accumulate, run.rowsInBatch) = (accumulate, rows)
        try run.run()
        #expect(run.recorder.steps.allSatisfy { $0.tokens == 8 })
        return run.values
      }
    }
    let whole = try train(accumulate: 1, rows: 8)
    let split = try train(accumulate: parts, rows: 8 / parts)
    for (a, b) in zip(whole, split) { #expect(abs(a - b) < 1e-6) }
  }

  @Test func everyRowIsDrawnOnceAnEpoch() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 12)
      try run.run()
      for epoch in 0..<3 {
        let rows = run.method.drawn[(epoch * 4)..<(epoch * 4 + 4)].flatMap { $0 }
        #expect(rows.sorted() == Array(0..<8))
      }
      #expect(Array(run.method.drawn[0..<4]) != Array(run.method.drawn[4..<8]))
    }
  }

  @Test func theEpochCountsPasses() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 6)
      try run.run()
      #expect(run.recorder.steps.map(\.epoch) == [0.25, 0.5, 0.75, 1, 1.25, 1.5])
    }
  }

  @Test func evaluationComesBeforeTheFirstStepEveryNAndAtTheEnd() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 7)
      run.configuration.evaluateEvery = 3
      try run.run()
      #expect(run.recorder.evaluations.map(\.step) == [0, 3, 6, 7])
      #expect(run.recorder.samples.map(\.step) == [0, 3, 6, 7])
      guard case .evaluating? = run.recorder.events.first else {
        Issue.record("something came before the first evaluation")
        return
      }
    }
  }

  @Test func withoutAnIntervalEvaluationEndsEachEpoch() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 10)
      run.configuration.evaluateEvery = nil
      try run.run()
      #expect(run.recorder.evaluations.map(\.step) == [0, 4, 8, 10])
    }
  }

  @Test func theEvaluationIsTheMeanOfTheValidationRows() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 1, held: [[4, -3, 1], [4, -3, 2], [4, 0, 2]])
      try run.run()
      #expect(run.recorder.evaluations[0].loss == 10.0 / 3)
      #expect(run.recorder.evaluations[0].trainedTokens == 3)
    }
  }

  @Test func withoutValidationRowsOnlySamplesAreTaken() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 4, held: [])
      try run.run()
      #expect(run.recorder.evaluations.isEmpty)
      #expect(run.recorder.samples.map(\.step) == [0, 2, 4])
    }
  }

  @Test func samplesComeFromTheWeightsOfTheirMoment() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 2)
      run.configuration.evaluateEvery = 1
      try run.run()
      let texts = run.recorder.samples.map(\.text)
      #expect(texts[0] == "4.0")
      #expect(Set(texts).count == 3)
    }
  }

  @Test func theScheduleGivesTheRateOfEachStep() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 6)
      run.configuration.schedule = Schedule(
        peak: 0.1, shape: .linear(floor: 0), warmupSteps: 2, totalSteps: 6)
      try run.run()
      let rates = run.recorder.steps.map(\.learningRate)
      for (rate, expected) in zip(rates, [0, 0.05, 0.1, 0.075, 0.05, 0.025]) {
        #expect(abs(rate - expected) < 1e-12)
      }
    }
  }

  @Test func aRateOfZeroChangesNothing() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 1)
      run.configuration.schedule = Schedule(
        peak: 0.1, shape: .constant, warmupSteps: 1, totalSteps: 1)
      try run.run()
      #expect(run.values == [4, -3, 2])
    }
  }

  @Test func clippingScalesTheGradientAndReportsTheWholeNorm() throws {
    func moments(clip: Double?) throws -> (norm: Double, first: [Float]) {
      try withFolder { folder throws in
        let run = PointRun(in: folder, steps: 1)
        run.configuration.clip = clip
        try run.run()
        guard case .full(let first) = run.optimizer.savedMoments(of: 0).first else {
          return (run.recorder.steps[0].gradientNorm, [])
        }
        return (run.recorder.steps[0].gradientNorm, first)
      }
    }
    let free = try moments(clip: nil)
    let clipped = try moments(clip: 0.5)
    let loose = try moments(clip: 1000)
    #expect(clipped.norm == free.norm)
    #expect(loose.first == free.first && free.first.count == 3)
    for (a, b) in zip(clipped.first, free.first) {
      #expect(abs(Double(a) - Double(b) * 0.5 / free.norm) < 1e-7)
    }
  }

  @Test func dropoutIsSeededByThePlaceInTheRun() throws {
    func seeds(_ drops: Bool) throws -> [UInt64?] {
      try withFolder { folder throws in
        let run = PointRun(in: folder, steps: 4)
        run.configuration.dropsOut = drops
        run.accumulate = 2
        try run.run()
        return run.method.seeds
      }
    }
    let (first, again, none) = (try seeds(true), try seeds(true), try seeds(false))
    #expect(first == again)
    #expect(Set(first.compactMap { $0 }).count == 8)
    #expect(none.allSatisfy { $0 == nil })
  }

  // MARK: - What is not finite

  @Test func aStepThatIsNotFiniteIsSkippedAndCounted() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 6)
      run.method.poisons = { $0 == 2 }
      let outcome = try run.trainer().run()
      #expect(outcome.skipped == 1)
      #expect(run.recorder.steps.map(\.skipped) == [false, false, true, false, false, false])
      #expect(run.recorder.warnings.count == 1)
      #expect(run.recorder.warnings.first?.contains("step 3") == true)
      #expect(run.values.allSatisfy { $0.isFinite })
      #expect(run.optimizer.step == 5)
    }
  }

  @Test func aSkippedStepChangesNothing() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 1)
      run.method.poisons = { _ in true }
      try run.run()
      #expect(run.values == [4, -3, 2])
      #expect(run.optimizer.savedMoments(of: 0).first == .full([0, 0, 0]))
      #expect(run.point.value.gradient == nil)
    }
  }

  @Test func oneBadBatchOfSeveralSkipsTheWholeStep() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 1)
      run.accumulate = 4
      run.method.poisons = { $0 == 1 }
      try run.run()
      #expect(run.values == [4, -3, 2])
    }
  }

  @Test func fiveBadStepsInARowStopTheRunWithTheLastGoodWeights() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 20)
      run.method.poisons = { $0 >= 3 }
      var good: [Float] = []
      run.recorder.refuses = { event in
        if case .stepped(let metrics) = event, metrics.step == 3 { good = run.values }
        return false
      }
      let error = #expect(throws: TrainingError.self) { try run.run() }
      #expect(error?.code == .diverged)
      let text = error.map { "\($0)" } ?? ""
      #expect(text.contains("5 steps in a row"))
      #expect(text.contains("train.learning_rate"))
      #expect(text.contains("checkpoints/step-8"))
      #expect(run.recorder.steps.count == 8)

      let again = PointRun(in: folder, steps: 20)
      _ = try again.store.restore(try again.store.newest(), again.weights, again.optimizer)
      #expect(again.values == good)
      #expect(good.allSatisfy { $0.isFinite })
    }
  }

  @Test func aGoodStepBetweenBadOnesKeepsTheRunAlive() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 20)
      run.method.poisons = { $0 % 5 != 4 }
      #expect(try run.run() == .finished)
      #expect(run.recorder.warnings.count == 16)
    }
  }

  // MARK: - Stopping

  @Test func stoppingFinishesTheStepAndSaves() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 10)
      run.stop = { run.recorder.steps.count == 3 }
      #expect(try run.run() == .interrupted)
      #expect(run.recorder.steps.count == 3)
      #expect(run.recorder.saved.last == 3)
      #expect(try run.store.newest().lastPathComponent == "step-3")
    }
  }

  @Test func stoppingBeforeTheFirstStepSavesToo() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder)
      run.stop = { true }
      #expect(try run.run() == .interrupted)
      #expect(run.recorder.saved == [0])
    }
  }

  @Test func anObserverThatFailsStopsTheRunAfterSaving() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 10)
      run.recorder.refuses = { event in
        if case .stepped(let metrics) = event { metrics.step == 5 } else { false }
      }
      #expect(throws: Recorder.Refusal.self) { try run.run() }
      #expect(try run.store.newest().lastPathComponent == "step-5")
      let again = PointRun(in: folder, steps: 10)
      _ = try again.store.restore(try again.store.newest(), again.weights, again.optimizer)
      #expect(again.values == run.values)
    }
  }
}
