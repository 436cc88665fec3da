import HalterBackend
import HalterTensor
import Testing

/// A graph holds memory no longer than it must, and its depth is no limit.
@Suite struct MemoryTests {
  @Test(arguments: [10_000, 200_000]) func aLongChainRunsBackward(length: Int) throws {
    let x = tensor([1], [1], CPUBackend(threads: 1)).requiringGradient()
    var y = x
    for _ in 0..<length { y = y * 1 }
    y.backward()
    #expect(try #require(x.gradient).floats == [1])
  }

  @Test(arguments: [10_000, 200_000]) func aLongChainIsReleased(length: Int) {
    let backend = CPUBackend(threads: 1)
    do {
      let x = tensor([1], [1], backend).requiringGradient()
      var y = x * 1
      for _ in 0..<length { y = y + x }
      #expect(y.requiresGradient)
    }
    backend.trim()
    #expect(backend.heldBytes == 0)
  }

  @Test func aWideGraphIsReleased() {
    let backend = CPUBackend(threads: 1)
    do {
      let x = tensor([1], [1], backend).requiringGradient()
      var layer = [x, x]
      for _ in 0..<20_000 { layer = [layer[0] + layer[1], layer[1] * layer[0]] }
      #expect(layer[0].requiresGradient)
    }
    backend.trim()
    #expect(backend.heldBytes == 0)
  }

  /// A step of a small model, with everything that keeps memory for its gradient.
  private func step(_ parameters: [Tensor], _ backend: CPUBackend, seed: UInt64) -> Float {
    let ids = Tensor([Int32(1), 4, 2, 0, 3], shape: [5], on: backend)
    let x = parameters[0].gatherRows(ids)
    let matrix = StoredMatrix(dense: parameters[1].storage, rows: 8, columns: 8, backend: backend)
    let h = recompute(x) { x in
      let y = x.rmsNorm(weight: parameters[2], epsilon: 1e-5)
      let z = y.loraLinear(
        matrix, a: parameters[3], b: parameters[4], scale: 2, dropout: (0.1, seed))
      return x + z.swiglu(up: y)
    }
    let geometry = AttentionGeometry(
      segments: [0, 2, 5], heads: 2, kvHeads: 2, headDim: 4, scale: 0.5)
    let attended = causalAttention(q: h, k: h, v: h, geometry: geometry).linear(parameters[1])
    let loss = linearCrossEntropy(
      h + attended, head: .trainable(parameters[0]),
      targets: LossTargets(rows: [0, 2, 3], labels: [4, 0, 3], weights: [1, 1, 1]), scale: 1 / 3
    ).loss
    loss.backward()
    return loss.scalar
  }

  @Test func stepsReuseTheMemoryOfTheFirst() {
    let backend = CPUBackend(threads: 1)
    let shapes: [Shape] = [[6, 8], [8, 8], [8], [2, 8], [8, 2]]
    let parameters = shapes.enumerated().map {
      Tensor(noise($1.count, UInt64($0), 0.5), shape: $1, on: backend).requiringGradient()
    }
    var held: [Int] = []
    for seed in 0..<6 {
      #expect(step(parameters, backend, seed: UInt64(seed)).isFinite)
      for parameter in parameters {
        #expect(parameter.gradient != nil)
        parameter.clearGradient()
      }
      held.append(backend.heldBytes)
    }
    #expect(Set(held.dropFirst()).count == 1, "\(held)")
    backend.trim()
    // Each parameter has a block; everything else has come back.
    #expect(backend.heldBytes == parameters.reduce(0) { $0 + ($1.count * 4 + 255) / 256 * 256 })
  }

  @Test func backwardFreesActivationsOnTheWay() {
    let backend = CPUBackend(threads: 1)
    let bytes = 1 << 20
    let x = Tensor(filled: 1, shape: [bytes / 4], on: backend).requiringGradient()
    var y = x
    // A product keeps both factors for its gradient.
    for _ in 0..<16 { y = y * y }
    let forward = backend.heldBytes
    #expect(forward >= 17 * bytes)
    y.backward(Tensor(filled: 1, shape: [bytes / 4], on: backend))
    #expect(backend.heldBytes - forward <= 5 * bytes, "gradients reuse what activations free")
    withExtendedLifetime(y) {}
  }

  @Test func withoutGradientsActivationsAreFreedAtOnce() {
    let backend = CPUBackend(threads: 1)
    let bytes = 1 << 20
    let x = Tensor(filled: 1, shape: [bytes / 4], on: backend).requiringGradient()
    let y = withoutGradients {
      var y = x
      for _ in 0..<16 { y = y * y }
      return y
    }
    #expect(y.count == bytes / 4 && backend.heldBytes <= 4 * bytes)
  }

  @Test func recomputingKeepsOnlyInputs() {
    func held(_ recomputes: Bool) -> Int {
      let backend = CPUBackend(threads: 1)
      let x = Tensor(filled: 1, shape: [1 << 16], on: backend).requiringGradient()
      var y = x
      for _ in 0..<8 {
        let body = { (h: Tensor) in
          var h = h
          for _ in 0..<8 { h = h * h }
          return h
        }
        y = recomputes ? recompute(y, body) : body(y)
      }
      return withExtendedLifetime(y) { backend.heldBytes }
    }
    #expect(held(true) * 4 < held(false))
  }
}
