import HalterBackend

extension Tensor {
  /// x · Wᵀ (+ bias) for x `[…, in]`, a trainable weight `[out, in]` and bias `[out]`.
  public func linear(_ weight: Tensor, bias: Tensor? = nil, into type: DType = .f32) -> Tensor {
    let (m, n, k) = (shape.rows, weight.shape[0], weight.shape[1])
    precondition(shape.columns == k, "rows of \(shape.columns) into a weight of \(weight.shape)")
    let y = Tensor(uninitialized: shape.replacingColumns(n), dtype: type, on: backend)
    y.multiply(detached, weight, transposed: true, m: m, n: n, k: k)
    y.add(bias: bias)
    let (x, w, inputShape, gradientType) = (Saved(self), weight.detached, shape, gradientType)
    let needs = (x: requiresGradient, w: weight.requiresGradient, b: bias?.requiresGradient == true)
    return y.recorded(from: [self, weight] + (bias.map { [$0] } ?? [])) { upstream in
      let backend = upstream.backend
      var dx: Tensor?
      if needs.x {
        let gradient = Tensor(uninitialized: inputShape, dtype: gradientType, on: backend)
        gradient.multiply(upstream, w, transposed: false, m: m, n: k, k: n)
        dx = gradient
      }
      var dw: Tensor?
      if needs.w {
        let gradient = Tensor(uninitialized: w.shape, on: backend)
        gradient.multiply(transpose: upstream, x.value(), transposed: false, m: n, n: k, k: m)
        dw = gradient
      }
      return [dx, dw] + (bias == nil ? [] : [needs.b ? upstream.columnSums() : nil])
    }
  }

  /// x · Wᵀ (+ bias) for a frozen weight of any format; only x (and the bias) get a gradient.
  public func linear(
    _ weight: any FrozenMatrix, bias: Tensor? = nil, into type: DType = .f32
  ) -> Tensor {
    precondition(shape.columns == weight.columns, "rows of \(shape.columns), not \(weight.columns)")
    let y = Tensor(uninitialized: shape.replacingColumns(weight.rows), dtype: type, on: backend)
    weight.product(elements, count: shape.rows, into: y.elements, accumulate: false)
    y.add(bias: bias)
    let (inputShape, trainsBias) = (shape, bias?.requiresGradient == true)
    let gradientType = gradientType
    return y.recorded(from: [self] + (bias.map { [$0] } ?? [])) { upstream, sums in
      let sum = sums.take(0)
      let dx =
        sum ?? Tensor(uninitialized: inputShape, dtype: gradientType, on: upstream.backend)
      weight.transposedProduct(
        upstream.elements, count: inputShape.rows, into: dx.elements, accumulate: sum != nil)
      return [dx] + (bias == nil ? [] : [trainsBias ? upstream.columnSums() : nil])
    }
  }

  /// x · Wᵀ + bias + scale · (dropout(x) · Aᵀ) · Bᵀ: a frozen linear layer with a low-rank
  /// adapter (Hu et al. 2021) as one operation. A is `[r, in]`, B is `[out, r]`.
  public func loraLinear(
    _ weight: any FrozenMatrix, bias: Tensor? = nil, a: Tensor, b: Tensor, scale: Float,
    dropout: (probability: Float, seed: UInt64)? = nil, into type: DType = .f32
  ) -> Tensor {
    let (m, k, n, r) = (shape.rows, weight.columns, weight.rows, a.shape[0])
    precondition(shape.columns == k, "rows of \(shape.columns) into a weight of \(k) inputs")
    precondition(a.shape == [r, k] && b.shape == [n, r], "LoRA factors \(a.shape), \(b.shape)")
    let backend = self.backend
    let x = Saved(self)
    let (inputShape, gradientType) = (shape, gradientType)
    func branch(_ x: Tensor) -> Tensor {
      dropout.map { x.dropout(probability: $0.probability, seed: $0.seed) } ?? x
    }
    // scale · x Aᵀ, so that B and the gradient of B need no scale.
    let reduced = Tensor(uninitialized: [m, r], on: backend)
    reduced.multiply(branch(detached), a, transposed: true, m: m, n: r, k: k, alpha: scale)
    let y = Tensor(uninitialized: shape.replacingColumns(n), dtype: type, on: backend)
    weight.product(
      elements, count: m,
      adding: LowRankTerm(reduced: reduced.storage, factor: b.storage, rank: r),
      into: y.elements, accumulate: false)
    y.add(bias: bias)
    let (savedA, savedB, trainsBias) = (a.detached, b.detached, bias?.requiresGradient == true)
    let needsInput = requiresGradient
    return y.recorded(from: [self, a, b] + (bias.map { [$0] } ?? [])) { upstream, sums in
      let biasGradient = bias == nil ? [] : [trainsBias ? upstream.columnSums() : nil]
      let dReduced = Tensor(uninitialized: [m, r], on: backend)
      dReduced.multiply(upstream, savedB, transposed: false, m: m, n: r, k: n, alpha: scale)
      let db = Tensor(uninitialized: savedB.shape, on: backend)
      db.multiply(transpose: upstream, reduced, transposed: false, m: n, n: r, k: m)
      let da = Tensor(uninitialized: savedA.shape, on: backend)
      da.multiply(transpose: dReduced, branch(x.value()), transposed: false, m: r, n: k, k: m)
      guard needsInput else { return [nil, da, db] + biasGradient }
      if dropout == nil {
        let sum = sums.take(0)
        let dx = sum ?? Tensor(uninitialized: inputShape, dtype: gradientType, on: backend)
        weight.transposedProduct(
          upstream.elements, count: m,
          adding: LowRankTerm(reduced: dReduced.storage, factor: savedA.storage, rank: r),
          into: dx.elements, accumulate: sum != nil)
        return [dx, da, db] + biasGradient
      }
      let dx = Tensor(uninitialized: inputShape, on: backend)
      dx.multiply(dReduced, savedA, transposed: false, m: m, n: k, k: r)
      let dropped = branch(dx)
      weight.transposedProduct(
        upstream.elements, count: m, into: dropped.elements, accumulate: true)
      return [dropped.converted(to: gradientType), da, db] + biasGradient
    }
  }

  /// Adds a bias to every row in place; only for a result that nobody else holds yet.
  func add(bias: Tensor?) {
    guard let bias else { return }
    precondition(bias.shape == [shape.columns], "bias \(bias.shape) for rows of \(shape.columns)")
    backend.addBias(bias.storage, to: elements, rows: shape.rows, columns: shape.columns)
  }

  /// Overwrites these elements with alpha · a · op(b), in what the device's products compute with.
  private func multiply(
    _ a: Tensor, _ b: Tensor, transposed: Bool, m: Int, n: Int, k: Int, alpha: Float = 1
  ) {
    backend.matmul(
      a.elements, transposed: false, b.elements, transposed: transposed, into: elements, m: m,
      n: n, k: k, alpha: alpha, accumulate: false, compute: backend.compute)
  }

  /// The same with aᵀ.
  private func multiply(
    transpose a: Tensor, _ b: Tensor, transposed: Bool, m: Int, n: Int, k: Int
  ) {
    backend.matmul(
      a.elements, transposed: true, b.elements, transposed: transposed, into: elements, m: m,
      n: n, k: k, alpha: 1, accumulate: false, compute: backend.compute)
  }

  /// The sum of the rows, outside the graph.
  func columnSums() -> Tensor {
    let sums = Tensor(zeros: [shape.columns], on: backend)
    backend.addColumnSums(of: elements, to: sums.storage, rows: shape.rows, columns: shape.columns)
    return sums
  }
}

extension Shape {
  /// The shape with another innermost extent.
  func replacingColumns(_ columns: Int) -> Shape { Shape(dimensions.dropLast() + [columns]) }
}
