import HalterBackend

/// The norms `[out]` of the rows of W + scale · B A, with A `[r, in]` and B `[out, r]`, outside the
/// graph: W is read through one product with r rows and never unpacked.
///
/// ‖w + s b A‖² = ‖w‖² + 2 s (w + s/2 · b A) Aᵀ · b for a row w of W and b of B.
/// - Parameter squaredNorms: ‖w‖² of the rows of W.
public func adaptedRowNorms(
  _ weight: any FrozenMatrix, squaredNorms: [Double], a: Tensor, b: Tensor, scale: Float
) -> Tensor {
  let (n, k, r) = (weight.rows, weight.columns, a.shape[0])
  precondition(a.shape == [r, k] && b.shape == [n, r], "LoRA factors \(a.shape), \(b.shape)")
  precondition(squaredNorms.count == n, "\(squaredNorms.count) norms of \(n) rows")
  let backend = weight.backend
  let gram = Tensor(uninitialized: [r, r], on: backend)
  backend.matmul(
    a.elements, transposed: false, a.elements, transposed: true, into: gram.elements, m: r, n: r,
    k: k, alpha: scale / 2, accumulate: false, compute: .f32)
  let projected = Tensor(uninitialized: [r, n], on: backend)
  weight.product(
    a.elements, count: r, adding: LowRankTerm(reduced: gram.storage, factor: b.storage, rank: r),
    into: projected.elements, accumulate: false)
  let (p, factors) = (projected.floats, b.floats)
  let norms = squaredNorms.enumerated().map { row, square in
    let cross = (0..<r).reduce(0.0) { $0 + Double(p[$1 * n + row]) * Double(factors[row * r + $1]) }
    // Rounding may leave a row that cancels out below zero.
    return Float(max(0, square + 2 * Double(scale) * cross).squareRoot())
  }
  return Tensor(norms, shape: [n], on: backend)
}

extension Tensor {
  /// y = x · diag(magnitude / norms) (+ bias) for x `[…, out]`: what DoRA makes of the result of a
  /// linear layer (Liu et al. 2024). The norms `[out]` are constants of the gradient, as section
  /// 4.3 there proposes; a row of the matrix whose norm is 0 has no direction and gives 0.
  public func decomposed(magnitude: Tensor, norms: Tensor, bias: Tensor? = nil) -> Tensor {
    let (rows, columns) = (shape.rows, shape.columns)
    precondition(magnitude.shape == [columns] && norms.shape == [columns], "rows of \(columns)")
    let inverse = Tensor(norms.floats.map { $0 > 0 ? 1 / $0 : 0 }, shape: [columns], on: backend)
    let factors = Tensor(
      zip(magnitude.floats, norms.floats).map { $1 > 0 ? $0 / $1 : 0 }, shape: [columns],
      on: backend)
    let y = Tensor(uninitialized: shape, dtype: dtype, on: backend)
    backend.scaleColumns(
      elements, by: factors.storage, into: y.elements, rows: rows, columns: columns)
    y.add(bias: bias)
    let (x, trainsBias) = (Saved(self), bias?.requiresGradient == true)
    let needs = (x: requiresGradient, magnitude: magnitude.requiresGradient)
    return y.recorded(from: [self, magnitude] + (bias.map { [$0] } ?? [])) { upstream in
      var dx: Tensor?
      if needs.x {
        let gradient = Tensor(
          uninitialized: upstream.shape, dtype: upstream.dtype, on: upstream.backend)
        upstream.backend.scaleColumns(
          upstream.elements, by: factors.storage, into: gradient.elements, rows: rows,
          columns: columns)
        dx = gradient
      }
      let dm =
        needs.magnitude
        ? upstream.converted(to: .f32).product(with: x.value().converted(to: .f32))
          .columnSums().product(with: inverse) : nil
      return [dx, dm] + (bias == nil ? [] : [trainsBias ? upstream.columnSums() : nil])
    }
  }
}
