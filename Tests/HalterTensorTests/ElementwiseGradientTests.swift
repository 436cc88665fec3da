import Foundation
import HalterBackend
import HalterTensor
import Testing

/// The operations element by element, on no element, one, and odd numbers of them.
@Suite struct ElementwiseGradientTests {
  static let shapes: [Shape] = [[], [0], [1], [3, 0], [3, 7], [2, 1, 19]]

  @Test(arguments: shapes) func sum(shape: Shape) {
    GradientCheck(shapes: [shape, shape]).run({ $0[0] + $0[1] }) { x in
      zip(x[0], x[1]).map { $0 + $1 }
    }
  }

  @Test(arguments: shapes) func product(shape: Shape) {
    GradientCheck(shapes: [shape, shape]).run({ $0[0] * $0[1] }) { x in
      zip(x[0], x[1]).map { $0 * $1 }
    }
  }

  @Test(arguments: shapes) func productWithANumber(shape: Shape) {
    GradientCheck(shapes: [shape]).run({ $0[0] * -2.25 }) { x in x[0].map { -2.25 * $0 } }
  }

  @Test(arguments: shapes) func swiglu(shape: Shape) {
    GradientCheck(shapes: [shape, shape], bound: 4).run({ $0[0].swiglu(up: $0[1]) }) { x in
      zip(x[0], x[1]).map { gate, up in gate / (1 + exp(-gate)) * up }
    }
  }

  @Test(arguments: shapes) func reshaped(shape: Shape) {
    let flat = Shape([shape.count])
    GradientCheck(shapes: [shape, flat]).run({ $0[0].reshaped(to: flat) * $0[1] }) { x in
      zip(x[0], x[1]).map { $0 * $1 }
    }
  }

  @Test(arguments: shapes) func dropout(shape: Shape) {
    let ones = Tensor(filled: 1, shape: shape, on: CPUBackend(threads: 1))
    let mask = ones.dropout(probability: 0.4, seed: 5).floats.map { Double($0) }
    GradientCheck(shapes: [shape]).run({ $0[0].dropout(probability: 0.4, seed: 5) }) { x in
      zip(x[0], mask).map { $0 * $1 }
    }
  }

  @Test func dropoutWithProbabilityZeroChangesNothing() {
    let x = Tensor(noise(9, 1), shape: [9], on: CPUBackend(threads: 1)).requiringGradient()
    #expect(x.dropout(probability: 0, seed: 1).floats == x.floats)
  }

  @Test func dropoutDropsItsShareAndScalesTheRest() {
    let ones = Tensor(filled: 1, shape: [20_000], on: CPUBackend(threads: 1))
    let dropped = ones.dropout(probability: 0.2, seed: 11).floats
    #expect(Set(dropped) == [0, 1.25])
    // The deviation of the count is about 57: five of them.
    #expect(abs(dropped.filter { $0 == 0 }.count - 4000) < 285)
    #expect(ones.dropout(probability: 0.2, seed: 12).floats != dropped)
  }

  @Test func aSecondInputMayBeFrozen() {
    GradientCheck(shapes: [[5], [5]], frozen: [1]).run({ $0[0] * $0[1] }) { x in
      zip(x[0], x[1]).map { $0 * $1 }
    }
    GradientCheck(shapes: [[5], [5]], frozen: [0]).run({ $0[0].swiglu(up: $0[1]) }) { x in
      zip(x[0], x[1]).map { gate, up in gate / (1 + exp(-gate)) * up }
    }
  }

  /// Values go through bf16, the gradient passes as it is.
  @Test func aRoundTripThroughBF16PassesTheGradient() throws {
    let backend = CPUBackend(threads: 1)
    let values: [Float] = [1, 1.00390625, -3.14159, 0, 1e-30]
    let x = Tensor(values, shape: [5], on: backend).requiringGradient()
    let rounded = x.converted(to: .bf16)
    #expect(rounded.dtype == .bf16 && rounded.requiresGradient)
    let y = rounded.converted(to: .f32)
    for (a, b) in zip(y.floats, values) { #expect(abs(a - b) <= 0x1p-8 * abs(b)) }
    #expect(y.floats[1] == 1, "a tie goes to the even neighbour")
    let seed = noise(5, 2)
    y.backward(Tensor(seed, shape: [5], on: backend))
    #expect(try #require(x.gradient).floats == seed)
  }

  @Test func aConversionToTheSameTypeIsTheTensor() {
    let x = Tensor(noise(3, 3), shape: [3], on: CPUBackend(threads: 1)).requiringGradient()
    #expect(x.converted(to: .f32).storage === x.storage)
  }
}
