import CHalterKernels
import Foundation
import Testing

@Suite struct ElementwiseTests {
  @Test(arguments: KernelTable.available, sizes)
  func addIsExact(_ table: KernelTable, _ n: Int) throws {
    var noise = Noise(n)
    let (a, b) = (noise.floats(n), noise.floats(n))
    var y = output(n)
    try table.kernels().add(n, a, b, &y)
    expectClose(y, zip(a, b).map { Double($0 + $1) }, relative: 0)
  }

  @Test(arguments: KernelTable.available, sizes)
  func mulIsExact(_ table: KernelTable, _ n: Int) throws {
    var noise = Noise(n)
    let (a, b) = (noise.floats(n), noise.floats(n))
    var y = output(n)
    try table.kernels().mul(n, a, b, &y)
    expectClose(y, zip(a, b).map { Double($0 * $1) }, relative: 0)
  }

  @Test(arguments: KernelTable.available, sizes)
  func scaleIsExact(_ table: KernelTable, _ n: Int) throws {
    var noise = Noise(n)
    let x = noise.floats(n)
    var y = output(n)
    try table.kernels().scale(n, -1.7, x, &y)
    expectClose(y, x.map { Double(-1.7 * $0) }, relative: 0)
  }

  @Test(arguments: KernelTable.available, sizes)
  func axpyAddsAMultiple(_ table: KernelTable, _ n: Int) throws {
    var noise = Noise(n)
    let (x, start) = (noise.floats(n), noise.floats(n))
    var y = output(n, start)
    try table.kernels().axpy(n, 0.3, x, &y)
    expectClose(
      y, zip(x, start).map { Double(Float(0.3)) * Double($0) + Double($1) }, relative: 1e-7,
      absolute: 2e-7)
  }

  @Test(arguments: KernelTable.available)
  func outputsMayAliasInputs(_ table: KernelTable) throws {
    var noise = Noise(1)
    let n = 103
    let kernels = try table.kernels()
    let (a, b) = (noise.floats(n), noise.floats(n))
    var apart = output(n)
    kernels.swiglu(n, HK_ELEMENT_F32, a, b, &apart)
    var gate = output(n, a)
    gate.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      kernels.swiglu(n, HK_ELEMENT_F32, base, b, base)
    }
    #expect(gate == apart)
    var sum = output(n, b)
    sum.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      kernels.add(n, a, base, base)
    }
    expectClose(sum, zip(a, b).map { Double($0 + $1) }, relative: 0)
  }

  @Test(arguments: KernelTable.available, sizes)
  func sumOfSquaresIsExactInDouble(_ table: KernelTable, _ n: Int) throws {
    var noise = Noise(n)
    let x = noise.floats(n, in: -1e3...1e3)
    let expected = x.reduce(0) { $0 + Double($1) * Double($1) }
    let found = try table.kernels().sum_of_squares(n, x)
    #expect(abs(found - expected) <= 1e-13 * expected)
  }

  @Test(arguments: KernelTable.available)
  func sumOfSquaresDoesNotOverflowFloat(_ table: KernelTable) throws {
    let x = [Float](repeating: 1e30, count: 35)
    let found = try table.kernels().sum_of_squares(35, x)
    #expect(abs(found / (35 * Double(x[0]) * Double(x[0])) - 1) < 1e-14)
  }
}

@Suite struct SwiGLUTests {
  static func sigmoid(_ x: Float) -> Double { 1 / (1 + exp(-Double(x))) }

  @Test(arguments: KernelTable.available, sizes)
  func matchesTheDefinition(_ table: KernelTable, _ n: Int) throws {
    var noise = Noise(n)
    let (gate, up) = (noise.floats(n, in: -20...20), noise.floats(n))
    var y = output(n)
    try table.kernels().swiglu(n, HK_ELEMENT_F32, gate, up, &y)
    expectClose(
      y, zip(gate, up).map { Double($0) * Self.sigmoid($0) * Double($1) }, relative: 5e-7)
  }

  @Test(arguments: KernelTable.available, sizes)
  func backwardMatchesTheDerivative(_ table: KernelTable, _ n: Int) throws {
    var noise = Noise(n)
    let (gate, up, dy) = (noise.floats(n, in: -15...15), noise.floats(n), noise.floats(n))
    var dgate = output(n)
    var dup = output(n)
    try table.kernels().swiglu_backward(n, HK_ELEMENT_F32, gate, up, dy, &dgate, &dup)
    let expectedGate = (0..<n).map { i in
      let s = Self.sigmoid(gate[i])
      return Double(dy[i]) * Double(up[i]) * s * (1 + Double(gate[i]) * (1 - s))
    }
    let expectedUp = (0..<n).map { Double(dy[$0]) * Double(gate[$0]) * Self.sigmoid(gate[$0]) }
    expectClose(dgate, expectedGate, relative: 1e-6, absolute: 1e-6)
    expectClose(dup, expectedUp, relative: 5e-7)
  }

  @Test(arguments: KernelTable.available)
  func backwardMayOverwriteItsInputs(_ table: KernelTable) throws {
    var noise = Noise(2)
    let n = 77
    let kernels = try table.kernels()
    let (gate, up, dy) = (noise.floats(n), noise.floats(n), noise.floats(n))
    var (dgate, dup) = (output(n), output(n))
    kernels.swiglu_backward(n, HK_ELEMENT_F32, gate, up, dy, &dgate, &dup)
    var (gateInPlace, upInPlace) = (output(n, gate), output(n, up))
    gateInPlace.withUnsafeMutableBufferPointer { g in
      upInPlace.withUnsafeMutableBufferPointer { u in
        guard let g = g.baseAddress, let u = u.baseAddress else { return }
        kernels.swiglu_backward(n, HK_ELEMENT_F32, g, u, dy, g, u)
      }
    }
    #expect(gateInPlace == dgate)
    #expect(upInPlace == dup)
  }

  /// silu(x) for large x is x, for very negative x vanishes, and NaN stays.
  @Test(arguments: KernelTable.available)
  func extremesNeitherOverflowNorHideNaN(_ table: KernelTable) throws {
    let gate: [Float] = [1e4, 88.9, 200, -60, -87.5, -200, -1e30, 0, .nan, .infinity]
    let up = [Float](repeating: 1, count: gate.count)
    var y = output(gate.count)
    try table.kernels().swiglu(gate.count, HK_ELEMENT_F32, gate, up, &y)
    expectClose(
      y,
      [
        1e4, Double(Float(88.9)), 200, -60 * exp(-60), -87.5 * exp(-87.5), 0, 0, 0, .nan, .infinity,
      ],
      relative: 5e-7, absolute: 1e-37)
  }
}

@Suite struct AdamWTests {
  @Test(arguments: KernelTable.available, sizes)
  func oneStepMatchesDouble(_ table: KernelTable, _ n: Int) throws {
    var noise = Noise(n)
    var constants = hk_adamw_constants(
      learning_rate: 1e-2, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.1,
      bias_correction1: 0.271, sqrt_bias_correction2: 0.1723, gradient_scale: 0.5)
    let (g, p0) = (noise.floats(n), noise.floats(n))
    let (m0, v0) = (noise.floats(n), noise.floats(n, in: 0...2))
    var (p, m, v) = (output(n, p0), output(n, m0), output(n, v0))
    try table.kernels().adamw(n, &constants, g, &p, &m, &v)
    let c = constants
    let (beta1, beta2) = (Double(c.beta1), Double(c.beta2))
    var (pe, me, ve) = ([Double](), [Double](), [Double]())
    for i in 0..<n {
      let gradient = Double(g[i]) * 0.5
      me.append(beta1 * Double(m0[i]) + (1 - beta1) * gradient)
      ve.append(beta2 * Double(v0[i]) + (1 - beta2) * gradient * gradient)
      let divisor = ve[i].squareRoot() / Double(c.sqrt_bias_correction2) + Double(c.epsilon)
      let decayed = Double(p0[i]) * (1 - Double(c.learning_rate) * Double(c.weight_decay))
      pe.append(
        decayed - Double(c.learning_rate) / Double(c.bias_correction1) * me[i] / divisor)
    }
    expectClose(m, me, relative: 1e-6, absolute: 2e-7)
    expectClose(v, ve, relative: 1e-6)
    expectClose(p, pe, relative: 1e-6, absolute: 1e-6)
  }

  @Test(arguments: KernelTable.available)
  func zeroGradientOnlyDecays(_ table: KernelTable) throws {
    var constants = hk_adamw_constants(
      learning_rate: 0.5, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.5,
      bias_correction1: 0.1, sqrt_bias_correction2: 0.1, gradient_scale: 1)
    let zeros = [Float](repeating: 0, count: 19)
    var (p, m, v) = ([Float](repeating: 4, count: 19), zeros, zeros)
    try table.kernels().adamw(19, &constants, zeros, &p, &m, &v)
    #expect(p == [Float](repeating: 3, count: 19))
    #expect(m == zeros && v == zeros)
  }
}
