import Foundation
import HalterOptim
import HalterTensor
import HalterTraining
import Testing

/// A run that goes on from a checkpoint goes on to the same bits.
@Suite struct ResumeTests {
  /// Everything that must not differ: numbers of the steps (but for their time), weights, moments.
  struct Trace: Equatable {
    var steps: [Int] = []
    var losses: [Double] = []
    var norms: [Double] = []
    var rates: [Double] = []
    var epochs: [Double] = []
    var evaluations: [Double] = []
    var samples: [String] = []
    var values: [Float] = []
    var moments = AdamW.Moments(first: .full([]), second: .full([]))

    init(_ run: PointRun, after step: Int = 0) {
      let taken = run.recorder.steps.filter { $0.step > step }
      steps = taken.map(\.step)
      losses = taken.map(\.loss)
      norms = taken.map(\.gradientNorm)
      rates = taken.map(\.learningRate)
      epochs = taken.map(\.epoch)
      evaluations = run.recorder.evaluations.filter { $0.step > step }.map(\.loss)
      samples = run.recorder.samples.filter { $0.step > step }.map(\.text)
      values = run.values
      moments = run.optimizer.savedMoments(of: 0)
    }
  }

  private func make(_ folder: URL) -> PointRun {
    let run = PointRun(in: folder, steps: 11)
    run.configuration.dropsOut = true
    run.configuration.schedule = Schedule(
      peak: 0.1, shape: .cosine(floor: 0.1), warmupSteps: 2, totalSteps: 11)
    run.configuration.evaluateEvery = nil
    run.configuration.clip = 1
    return run
  }

  /// Four steps an epoch: the stops lie within, at the end and at the start of epochs.
  @Test(arguments: 0...10)
  func itEndsInTheSameBitsWhereverItWasStopped(step: Int) throws {
    let whole = try withFolder { folder throws in
      let run = make(folder)
      try run.run()
      return (Trace(run, after: step), Trace(run).values)
    }
    try withFolder { folder throws in
      let first = make(folder)
      first.stop = { first.recorder.steps.count == step }
      #expect(try first.run() == .interrupted)
      let second = make(folder)
      #expect(try second.resume() == .finished)
      #expect(Trace(second, after: step) == whole.0)
      #expect(second.values == whole.1)
      #expect(second.recorder.steps.first?.step == step + 1)
    }
  }

  @Test func itDoesNotEvaluateAgainWhatWasEvaluated() throws {
    try withFolder { folder throws in
      let first = make(folder)
      first.stop = { first.recorder.steps.count == 4 }
      try first.run()
      let second = make(folder)
      try second.resume()
      #expect(first.recorder.evaluations.map(\.step) == [0, 4])
      #expect(second.recorder.evaluations.map(\.step) == [8, 11])
    }
  }

  @Test func itEvaluatesWhatAFailureKeptFromBeingEvaluated() throws {
    try withFolder { folder throws in
      let first = make(folder)
      first.recorder.refuses = { event in
        if case .stepped(let metrics) = event { metrics.step == 4 } else { false }
      }
      #expect(throws: Recorder.Refusal.self) { try first.run() }
      let second = make(folder)
      try second.resume()
      #expect(second.recorder.evaluations.map(\.step) == [4, 8, 11])
    }
  }

  @Test func aFinishedRunHasNothingLeftToDo() throws {
    try withFolder { folder throws in
      let first = make(folder)
      try first.run()
      let second = make(folder)
      #expect(try second.resume() == .finished)
      #expect(second.recorder.steps.isEmpty)
      #expect(second.values == first.values)
    }
  }

  @Test func itKnowsTheBestFromBefore() throws {
    try withFolder { folder throws in
      let first = PointRun(in: folder, steps: 40)
      // The rate is far too high for the point to stay where it was best.
      first.configuration.schedule = Schedule(
        peak: 3, shape: .constant, warmupSteps: 0, totalSteps: 40)
      first.stop = { first.recorder.steps.count == 20 }
      try first.run()
      let best = try #require(
        first.recorder.evaluations.dropFirst().min { $0.loss < $1.loss }?.step)
      let second = PointRun(in: folder, steps: 40)
      second.configuration.schedule = first.configuration.schedule
      second.stop = { second.recorder.steps.count == 1 }
      try second.resume()
      #expect(
        try FileManager.default.destinationOfSymbolicLink(
          atPath: second.store.directory.appending(path: "best").path) == "step-\(best)")
    }
  }

  @Test func anotherRecipeIsRefused() throws {
    try withFolder { folder throws in
      let first = make(folder)
      try first.run()
      let second = make(folder)
      second.configuration.recipeFingerprint = "another"
      let text = complaint { try second.resume() }
      #expect(text.contains("other settings"))
      #expect(text.contains("step-11"))
      #expect(text.contains("start a new run"))
    }
  }

  @Test func otherDataAreRefused() throws {
    try withFolder { folder throws in
      let first = make(folder)
      try first.run()
      let second = make(folder)
      second.method.dataFingerprint = "others"
      let text = complaint { try second.resume() }
      #expect(text.contains("other rows"))
      #expect(second.recorder.steps.isEmpty)
    }
  }
}
