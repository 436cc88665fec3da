import HalterBackend
import HalterOptim
import HalterTensor
import Testing

@Suite struct ClippingTests {
  private func targets(_ gradients: [[Float]?]) -> [AdamW.Target] {
    let backend = CPUBackend(threads: 1)
    return gradients.enumerated().map { index, gradient in
      let count = gradient?.count ?? 3
      let tensor = Tensor(zeros: [count], on: backend).requiringGradient()
      if let gradient { tensor.backward(Tensor(gradient, shape: [count], on: backend)) }
      return AdamW.Target(name: "\(index)", tensor: tensor, decays: false)
    }
  }

  @Test func theNormIsOverAllTargets() {
    #expect(globalGradientNorm(targets([[3, 0], [4], [12, 0, 0]])) == 13)
  }

  @Test func targetsWithoutGradientCountNothing() {
    #expect(globalGradientNorm(targets([nil, [3, 4], nil])) == 5)
    #expect(globalGradientNorm(targets([nil])) == 0)
    #expect(globalGradientNorm([]) == 0)
  }

  @Test func largeGradientsDoNotOverflowTheNorm() {
    let norm = globalGradientNorm(targets([[3e30], [4e30]]))
    #expect(abs(norm / 5e30 - 1) < 1e-6)
  }

  @Test func oneBadGradientSpoilsTheNorm() {
    #expect(globalGradientNorm(targets([[1], [.nan, 1]])).isNaN)
    #expect(globalGradientNorm(targets([[1], [-.infinity, 1]])) == .infinity)
  }

  @Test func aNormBelowTheMaximumIsNotScaled() {
    #expect(clippingFactor(norm: 0.5, maximum: 1) == 1)
    #expect(clippingFactor(norm: 0, maximum: 1) == 1)
  }

  @Test func aNormAboveTheMaximumComesDownToIt() {
    #expect(abs(clippingFactor(norm: 4, maximum: 1) - 0.25) < 1e-6)
    #expect(abs(clippingFactor(norm: 1e20, maximum: 0.5) * 1e20 - 0.5) < 1e-6)
  }

  /// As torch has it: maximum / (norm + 1e-6).
  @Test func theDivisorHasItsEpsilon() {
    #expect(clippingFactor(norm: 1, maximum: 1) == Float(1 / (1 + 1e-6)))
    #expect(clippingFactor(norm: 1e-6, maximum: 1e-6) == 0.5)
  }

  @Test func withoutAMaximumNothingIsClipped() {
    #expect(clippingFactor(norm: 1e9, maximum: nil) == 1)
    #expect(clippingFactor(norm: .infinity, maximum: nil) == 1)
  }

  @Test func aMaximumOfZeroStopsEverything() {
    #expect(clippingFactor(norm: 3, maximum: 0) == 0)
    #expect(clippingFactor(norm: .infinity, maximum: 1) == 0)
  }

  /// A factor of 1 would let the gradients that are still finite through as if nothing were wrong.
  @Test func aNormThatIsNotANumberGivesNoFactor() {
    #expect(clippingFactor(norm: .nan, maximum: 1).isNaN)
  }
}
