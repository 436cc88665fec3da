import HalterBackend

extension Tensor {
  /// x · Wᵀ (+ bias) for x `[…, in]`, a trainable weight `[out, in]` and bias `[out]`.
  public func linear(_ weight: Tensor, bias: Tensor? = nil) -> Tensor {
    let (m, n, k) = (shape.rows, weight.shape[0], weight.shape[1])
    precondition(shape.columns == k, "rows of \(shape.columns) into a weight of \(weight.shape)")
    let y = Tensor(uninitialized: shape.replacingColumns(n), on: backend)
    backend.matmul(
      storage, transposed: false, weight.storage, transposed: true, into: y.storage, m: m, n: n,
      k: k, alpha: 1, accumulate: false)
    y.add(bias: bias)
    let (x, w, inputShape) = (Saved(self), weight.detached, shape)
    let needs = (x: requiresGradient, w: weight.requiresGradient, b: bias?.requiresGradient == true)
    return y.recorded(from: [self, weight] + (bias.map { [$0] } ?? [])) { upstream in
      let backend = upstream.backend
      var dx: Tensor?
      if needs.x {
        let gradient = Tensor(uninitialized: inputShape, on: backend)
        backend.matmul(
          upstream.storage, transposed: false, w.storage, transposed: false,
          into: gradient.storage, m: m, n: k, k: n, alpha: 1, accumulate: false)
        dx = gradient
      }
      var dw: Tensor?
      if needs.w {
        let gradient = Tensor(uninitialized: w.shape, on: backend)
        backend.matmul(
          upstream.storage, transposed: true, x.value().storage, transposed: false,
          into: gradient.storage, m: n, n: k, k: m, alpha: 1, accumulate: false)
        dw = gradient
      }
      return [dx, dw] + (bias == nil ? [] : [needs.b ? upstream.columnSums() : nil])
    }
  }

  /// x · Wᵀ (+ bias) for a frozen weight of any format; only x (and the bias) get a gradient.
  public func linear(_ weight: any FrozenMatrix, bias: Tensor? = nil) -> Tensor {
    precondition(shape.columns == weight.columns, "rows of \(shape.columns), not \(weight.columns)")
    let y = Tensor(uninitialized: shape.replacingColumns(weight.rows), on: backend)
    weight.product(storage, count: shape.rows, into: y.storage, accumulate: false)
    y.add(bias: bias)
    let (inputShape, trainsBias) = (shape, bias?.requiresGradient == true)
    return y.recorded(from: [self] + (bias.map { [$0] } ?? [])) { upstream in
      let dx = Tensor(uninitialized: inputShape, on: upstream.backend)
      weight.transposedProduct(
        upstream.storage, count: inputShape.rows, into: dx.storage, accumulate: false)
      return [dx] + (bias == nil ? [] : [trainsBias ? upstream.columnSums() : nil])
    }
  }

  /// x · Wᵀ + bias + scale · (dropout(x) · Aᵀ) · Bᵀ: a frozen linear layer with a low-rank
  /// adapter (Hu et al. 2021) as one operation. A is `[r, in]`, B is `[out, r]`.
  public func loraLinear(
    _ weight: any FrozenMatrix, bias: Tensor? = nil, a: Tensor, b: Tensor, scale: Float,
    dropout: (probability: Float, seed: UInt64)? = nil
  ) -> Tensor {
    let (m, k, n, r) = (shape.rows, weight.columns, weight.rows, a.shape[0])
    precondition(shape.columns == k, "rows of \(shape.columns) into a weight of \(k) inputs")
    precondition(a.shape == [r, k] && b.shape == [n, r], "LoRA factors \(a.shape), \(b.shape)")
    let backend = self.backend
    let x = Saved(self)
    let inputShape = shape
    func branch(_ x: Tensor) -> Tensor {
      dropout.map { x.dropout(probability: $0.probability, seed: $0.seed) } ?? x
    }
    // scale · x Aᵀ, so that B and the gradient of B need no scale.
    let reduced = Tensor(uninitialized: [m, r], on: backend)
    backend.matmul(
      branch(detached).storage, transposed: false, a.storage, transposed: true,
      into: reduced.storage, m: m, n: r, k: k, alpha: scale, accumulate: false)
    let y = Tensor(uninitialized: shape.replacingColumns(n), on: backend)
    weight.product(
      storage, count: m,
      adding: LowRankTerm(reduced: reduced.storage, factor: b.storage, rank: r),
      into: y.storage, accumulate: false)
    y.add(bias: bias)
    let (savedA, savedB, trainsBias) = (a.detached, b.detached, bias?.requiresGradient == true)
    let needsInput = requiresGradient
    return y.recorded(from: [self, a, b] + (bias.map { [$0] } ?? [])) { upstream in
      let biasGradient = bias == nil ? [] : [trainsBias ? upstream.columnSums() : nil]
      let dReduced = Tensor(uninitialized: [m, r], on: backend)
      backend.matmul(
        upstream.storage, transposed: false, savedB.storage, transposed: false,
        into: dReduced.storage, m: m, n: r, k: n, alpha: scale, accumulate: false)
      let db = Tensor(uninitialized: savedB.shape, on: backend)
      backend.matmul(
        upstream.storage, transposed: true, reduced.storage, transposed: false,
        into: db.storage, m: n, n: r, k: m, alpha: 1, accumulate: false)
      let da = Tensor(uninitialized: savedA.shape, on: backend)
      backend.matmul(
        dReduced.storage, transposed: true, branch(x.value()).storage, transposed: false,
        into: da.storage, m: r, n: k, k: m, alpha: 1, accumulate: false)
      guard needsInput else { return [nil, da, db] + biasGradient }
      let dx = Tensor(uninitialized: inputShape, on: backend)
      if dropout == nil {
        weight.transposedProduct(
          upstream.storage, count: m,
          adding: LowRankTerm(reduced: dReduced.storage, factor: savedA.storage, rank: r),
          into: dx.storage, accumulate: false)
        return [dx, da, db] + biasGradient
      }
      backend.matmul(
        dReduced.storage, transposed: false, savedA.storage, transposed: false,
        into: dx.storage, m: m, n: k, k: r, alpha: 1, accumulate: false)
      let dropped = branch(dx)
      weight.transposedProduct(
        upstream.storage, count: m, into: dropped.storage, accumulate: true)
      return [dropped, da, db] + biasGradient
    }
  }

  /// Adds a bias to every row in place; only for a result that nobody else holds yet.
  private func add(bias: Tensor?) {
    guard let bias else { return }
    precondition(bias.shape == [shape.columns], "bias \(bias.shape) for rows of \(shape.columns)")
    backend.addBias(bias.storage, to: storage, rows: shape.rows, columns: shape.columns)
  }

  private func columnSums() -> Tensor {
    let sums = Tensor(zeros: [shape.columns], on: backend)
    backend.addColumnSums(of: storage, to: sums.storage, rows: shape.rows, columns: shape.columns)
    return sums
  }
}

extension Shape {
  /// The shape with another innermost extent.
  func replacingColumns(_ columns: Int) -> Shape { Shape(dimensions.dropLast() + [columns]) }
}
