import HalterBackend

extension Tensor {
  /// The sum, element by element.
  public static func + (a: Tensor, b: Tensor) -> Tensor {
    precondition(a.shape == b.shape, "adding \(a.shape) and \(b.shape)")
    let y = Tensor(uninitialized: a.shape, on: a.backend)
    a.backend.add(a.storage, b.storage, into: y.storage, count: y.count)
    return y.recorded(from: [a, b]) { [$0, $0] }
  }

  /// The product, element by element.
  public static func * (a: Tensor, b: Tensor) -> Tensor {
    precondition(a.shape == b.shape, "multiplying \(a.shape) and \(b.shape)")
    let y = a.product(with: b)
    let (savedA, savedB) = (a.detached, b.detached)
    return y.recorded(from: [a, b]) { upstream in
      [upstream.product(with: savedB), upstream.product(with: savedA)]
    }
  }

  /// The product with a number.
  public static func * (x: Tensor, s: Float) -> Tensor {
    x.scaled(by: s).recorded(from: [x]) { [$0.scaled(by: s)] }
  }

  /// Inverted dropout: drops each element with a probability and scales the rest by 1/(1-p). The
  /// same seed drops the same elements.
  public func dropout(probability: Float, seed: UInt64) -> Tensor {
    precondition((0..<1).contains(probability), "dropout probability \(probability)")
    if probability == 0 { return self }
    return dropped(probability, seed).recorded(from: [self], gradientType: gradientType) {
      [$0.dropped(probability, seed)]
    }
  }

  /// silu(self) · up, the gated activation of SwiGLU (Shazeer 2020).
  public func swiglu(up: Tensor) -> Tensor {
    precondition(shape == up.shape, "gating \(up.shape) by \(shape)")
    let dtype = dtype
    let (savedGate, savedUp) = (detached, up.detached)
    func gated() -> Tensor {
      let y = Tensor(uninitialized: savedGate.shape, dtype: dtype, on: savedGate.backend)
      y.backend.swiglu(
        gate: savedGate.elements, up: savedUp.elements, into: y.elements, count: y.count)
      return y
    }
    return gated().recorded(from: [self, up], recomputation: gated) { upstream in
      let dGate = Tensor(uninitialized: upstream.shape, dtype: dtype, on: upstream.backend)
      let dUp = Tensor(uninitialized: upstream.shape, dtype: dtype, on: upstream.backend)
      upstream.backend.swigluBackward(
        gate: savedGate.elements, up: savedUp.elements, dy: upstream.elements,
        dGate: dGate.elements, dUp: dUp.elements, count: upstream.count)
      return [dGate, dUp]
    }
  }

  /// The sum of squares of the elements, in double precision, outside the graph.
  public var sumOfSquares: Double { backend.sumOfSquares(storage, count: count) }

  func product(with other: Tensor) -> Tensor {
    let y = Tensor(uninitialized: shape, on: backend)
    backend.multiply(storage, other.storage, into: y.storage, count: count)
    return y
  }

  func scaled(by s: Float) -> Tensor {
    let y = Tensor(uninitialized: shape, on: backend)
    backend.scale(storage, by: s, into: y.storage, count: count)
    return y
  }

  private func dropped(_ probability: Float, _ seed: UInt64) -> Tensor {
    let y = Tensor(uninitialized: shape, dtype: dtype, on: backend)
    backend.dropout(elements, probability: probability, seed: seed, into: y.elements, count: count)
    return y
  }
}
