import HalterBackend
import HalterTensor
import Testing

/// Computing a block again for its gradient changes no bit.
@Suite struct RecomputeTests {
  private struct Outcome: Equatable {
    var output: [Float] = []
    var inputGradient: [Float] = []
    var parameterGradients: [[Float]] = []
  }

  private func block(_ x: Tensor, _ p: [Tensor], _ matrix: StoredMatrix) -> Tensor {
    let y = x.rmsNorm(weight: p[0], epsilon: 1e-5)
    let z = y.loraLinear(matrix, bias: p[3], a: p[1], b: p[2], scale: 2, dropout: (0.25, 99))
    let geometry = AttentionGeometry(
      segments: [0, 3, 7], heads: 3, kvHeads: 1, headDim: 2, scale: 0.7)
    let key = z.linear(p[4])
    let a = causalAttention(q: z, k: key, v: key, geometry: geometry)
    return (x + a.swiglu(up: z)).dropout(probability: 0.2, seed: 7)
  }

  private func run(
    _ wrap: @escaping (Tensor, @escaping (Tensor) -> Tensor) -> Tensor, trainsInput: Bool = true
  ) throws -> Outcome {
    let backend = CPUBackend(threads: 2)
    let shapes: [Shape] = [[6], [2, 6], [6, 2], [6], [2, 6]]
    let p = shapes.enumerated().map {
      Tensor(noise($1.count, UInt64($0) + 1), shape: $1, on: backend).requiringGradient()
    }
    let matrix = StoredMatrix(
      dense: Tensor(noise(36, 8), shape: [6, 6], on: backend).storage, rows: 6, columns: 6,
      backend: backend)
    let input = Tensor(noise(42, 9), shape: [7, 6], on: backend)
    let x = trainsInput ? input.requiringGradient() : input
    // Twice the same parameters, so that their gradients are sums.
    let h = wrap(x) { block($0, p, matrix) }
    let y = wrap(h) { block($0, p, matrix) }
    y.backward(Tensor(noise(42, 10), shape: [7, 6], on: backend))
    return Outcome(
      output: y.floats, inputGradient: trainsInput ? try #require(x.gradient).floats : [],
      parameterGradients: try p.map { try #require($0.gradient).floats })
  }

  @Test func equalsThePlainPassToTheBit() throws {
    let plain = try run { x, body in body(x) }
    #expect(try run { x, body in recompute(x, body) } == plain)
    #expect(plain.inputGradient.contains { $0 != 0 })
    #expect(plain.parameterGradients.allSatisfy { $0.contains { $0 != 0 } })
  }

  @Test func nestsInItself() throws {
    let plain = try run { x, body in body(x) }
    #expect(try run { x, body in recompute(x) { recompute($0, body) } } == plain)
  }

  @Test func parametersLearnWhenTheInputDoesNot() throws {
    let plain = try run({ x, body in body(x) }, trainsInput: false)
    #expect(try run({ x, body in recompute(x, body) }, trainsInput: false) == plain)
  }

  @Test func withoutGradientsTheBodyRunsOnce() {
    let backend = CPUBackend(threads: 1)
    let x = tensor([2], [1], backend).requiringGradient()
    var calls = 0
    let y = withoutGradients {
      recompute(x) { x in
        calls += 1
        return x * 3
      }
    }
    #expect(calls == 1 && !y.requiresGradient && y.floats == [6])
  }

  @Test func theBodyRunsAgainForTheGradient() {
    let backend = CPUBackend(threads: 1)
    let x = tensor([2], [1], backend).requiringGradient()
    var calls = 0
    let y = recompute(x) { x in
      calls += 1
      return x * x
    }
    #expect(calls == 1)
    y.backward()
    #expect(calls == 2 && x.gradient?.floats == [4])
  }

  @Test func aBodyThatReturnsItsInputPassesTheGradient() {
    let x = tensor([2], [1], CPUBackend(threads: 1)).requiringGradient()
    (recompute(x) { $0 } * 3).backward()
    #expect(x.gradient?.floats == [3])
  }
}
