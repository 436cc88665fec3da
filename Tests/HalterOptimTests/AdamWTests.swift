import HalterBackend
import HalterOptim
import HalterRandom
import HalterTensor
import Testing

@Suite struct AdamWTests {
  let backend = CPUBackend(threads: 1)

  private func target(
    _ name: String, _ values: [Float], decays: Bool = true
  ) -> AdamW.Target {
    let tensor = Tensor(values, shape: [values.count], on: backend).requiringGradient()
    return AdamW.Target(name: name, tensor: tensor, decays: decays)
  }

  /// Leaves a gradient in a target, in place of the one it has.
  private func give(_ gradient: [Float], to target: AdamW.Target) {
    target.tensor.clearGradient()
    target.tensor.backward(Tensor(gradient, shape: target.tensor.shape, on: backend))
  }

  @Test func theFirstStepMovesByTheLearningRate() {
    let x = target("x", [1, 1, 1])
    let optimizer = AdamW([x], configuration: .init())
    give([0.001, -100, 0], to: x)
    optimizer.step(learningRate: 0.5)
    // m / sqrt(v) is the sign of the gradient, whatever its size; none stays where it is.
    let moved = x.tensor.floats
    #expect(abs(moved[0] - 0.5) < 1e-4 && abs(moved[1] - 1.5) < 1e-6 && moved[2] == 1)
    #expect(optimizer.step == 1)
  }

  @Test func decayShrinksOnlyTheTargetsThatDecay() {
    let (x, y) = (target("x", [4]), target("y", [4], decays: false))
    let optimizer = AdamW([x, y], configuration: .init(weightDecay: 0.5))
    give([0], to: x)
    give([0], to: y)
    optimizer.step(learningRate: 0.1)
    #expect(abs(x.tensor.floats[0] - 4 * 0.95) < 1e-6)
    #expect(y.tensor.floats == [4])
  }

  @Test func aTargetWithoutGradientIsLeftAlone() {
    let (x, y) = (target("x", [4]), target("y", [4]))
    let optimizer = AdamW([x, y], configuration: .init(weightDecay: 0.5))
    give([1], to: x)
    optimizer.step(learningRate: 0.1)
    #expect(x.tensor.floats[0] < 4 && y.tensor.floats == [4])
    #expect(optimizer.savedMoments(of: 1) == .init(first: .full([0]), second: .full([0])))
  }

  @Test func aRateOfZeroChangesOnlyTheMoments() {
    let x = target("x", [4])
    let optimizer = AdamW([x], configuration: .init(beta1: 0.5, beta2: 0.75, weightDecay: 0.5))
    give([2], to: x)
    optimizer.step(learningRate: 0)
    #expect(x.tensor.floats == [4])
    #expect(optimizer.savedMoments(of: 0) == .init(first: .full([1]), second: .full([1])))
  }

  @Test func theGradientScaleActsLikeAScaledGradient() {
    let (x, y) = (target("x", [1, 2]), target("y", [1, 2]))
    let (first, second) = (
      AdamW([x], configuration: .init()), AdamW([y], configuration: .init())
    )
    give([4, -8], to: x)
    give([1, -2], to: y)
    first.step(learningRate: 0.01, gradientScale: 0.25)
    second.step(learningRate: 0.01)
    #expect(x.tensor.floats == y.tensor.floats)
    #expect(first.savedMoments(of: 0) == second.savedMoments(of: 0))
    #expect(x.tensor.gradient?.floats == [4, -8], "the gradient itself stays")
  }

  @Test func parametersChangeInPlace() {
    let x = target("x", [1])
    let storage = x.tensor.storage
    let optimizer = AdamW([x], configuration: .init())
    give([1], to: x)
    optimizer.step(learningRate: 0.5)
    #expect(x.tensor.storage === storage && storage.read(Float.self, count: 1) != [1])
  }

  @Test func clearingForgetsAllGradients() {
    let (x, y) = (target("x", [1]), target("y", [1]))
    let optimizer = AdamW([x, y], configuration: .init())
    give([1], to: x)
    give([1], to: y)
    optimizer.clearGradients()
    #expect(x.tensor.gradient == nil && y.tensor.gradient == nil)
  }

  @Test func anEmptyTargetIsAllowed() {
    let x = target("x", [])
    let optimizer = AdamW([x], configuration: .init())
    give([], to: x)
    optimizer.step(learningRate: 0.5)
    #expect(x.tensor.floats == [] && globalGradientNorm([x]) == 0)
  }

  /// Restored from what was saved, a run goes on to the same bits.
  @Test func restoringContinuesToTheBit() {
    let configuration = AdamW.Configuration(beta2: 0.95, weightDecay: 0.1)
    func gradient(_ step: Int) -> [Float] {
      var stream = RandomStream(seed: UInt64(step))
      return stream.uniform(count: 7, bound: 2)
    }
    let whole = target("x", [1, 2, 3, 4, 5, 6, 7])
    let optimizer = AdamW([whole], configuration: configuration)
    var saved: (values: [Float], moments: AdamW.Moments, step: Int)?
    for step in 1...10 {
      give(gradient(step), to: whole)
      optimizer.step(learningRate: 0.01)
      if step == 4 { saved = (whole.tensor.floats, optimizer.savedMoments(of: 0), optimizer.step) }
    }
    guard let saved else { return #expect(Bool(false), "nothing was saved") }
    let resumed = target("x", saved.values)
    let second = AdamW([resumed], configuration: configuration)
    second.restore(step: saved.step) { _ in saved.moments }
    #expect(second.step == 4 && second.savedMoments(of: 0) == saved.moments)
    for step in 5...10 {
      give(gradient(step), to: resumed)
      second.step(learningRate: 0.01)
    }
    #expect(resumed.tensor.floats == whole.tensor.floats)
    #expect(second.savedMoments(of: 0) == optimizer.savedMoments(of: 0))
    #expect(second.step == 10)
  }

  @Test func momentsOfAnotherShapeAreABug() async {
    await #expect(processExitsWith: .failure) {
      let backend = CPUBackend(threads: 1)
      let tensor = Tensor(zeros: [2], on: backend).requiringGradient()
      let optimizer = AdamW(
        [.init(name: "x", tensor: tensor, decays: true)], configuration: .init())
      optimizer.restore(step: 1) { _ in .init(first: .full([1]), second: .full([1])) }
    }
  }

  @Test func aQuadraticIsMinimised() {
    let x = target("x", [3, -2])
    let optimizer = AdamW([x], configuration: .init())
    for step in 0..<400 {
      optimizer.clearGradients()
      // d/dx of Σ x² / 2
      (x.tensor * x.tensor).backward(Tensor(filled: 0.5, shape: [2], on: backend))
      optimizer.step(learningRate: 0.05 * (1 - Float(step) / 400))
    }
    #expect(x.tensor.floats.allSatisfy { abs($0) < 1e-2 })
  }
}
