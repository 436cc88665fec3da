import HalterBackend

extension Tensor {
  /// Root-mean-square normalisation of each row of `[…, D]` with a weight `[D]`
  /// (Zhang & Sennrich 2019): weight · x / sqrt(mean(x²) + epsilon).
  ///
  /// The rows before the weight are kept for the gradient, in the type of the result, and x is not.
  public func rmsNorm(weight: Tensor, epsilon: Float, into type: DType = .f32) -> Tensor {
    let (rows, columns, shape) = (shape.rows, shape.columns, shape)
    precondition(weight.shape == [columns], "weight \(weight.shape) for rows of \(columns)")
    let rstd = Tensor(uninitialized: [rows], on: backend)
    let y = Tensor(uninitialized: shape, dtype: type, on: backend)
    let differentiates = gradientsAreRecorded && (requiresGradient || weight.requiresGradient)
    let normalized =
      differentiates ? Tensor(uninitialized: shape, dtype: type, on: backend) : nil
    backend.rmsNorm(
      storage, weight: weight.storage, epsilon: epsilon, into: y.elements,
      normalized: normalized?.storage, rstd: rstd.storage, rows: rows, columns: columns)
    guard let normalized else { return y }
    let (w, trainsWeight) = (weight.detached, weight.requiresGradient)
    func weighted() -> Tensor {
      let y = Tensor(uninitialized: shape, dtype: type, on: w.backend)
      y.backend.scaleColumns(
        normalized.elements, by: w.storage, into: y.elements, rows: rows, columns: columns)
      return y
    }
    return y.recorded(from: [self, weight], gradientType: .f32, recomputation: weighted) {
      upstream, sums in
      let backend = upstream.backend
      let sum = sums.take(0)
      let dx = sum ?? Tensor(uninitialized: shape, on: backend)
      let dw = trainsWeight ? Tensor(zeros: w.shape, on: backend) : nil
      backend.rmsNormBackward(
        normalized: normalized.elements, weight: w.storage, rstd: rstd.storage,
        dy: upstream.storage, dx: dx.storage, accumulate: sum != nil, dWeight: dw?.storage,
        rows: rows, columns: columns)
      return [dx, dw]
    }
  }

  /// The rows `ids` (i32, `[N]`) of this table `[V, D]`: an embedding with a trainable table.
  public func gatherRows(_ ids: Tensor) -> Tensor {
    let (count, columns) = (ids.count, shape.columns)
    let y = Tensor(uninitialized: [count, columns], on: backend)
    backend.gatherRows(storage, ids: ids.storage, into: y.storage, count: count, columns: columns)
    let tableShape = shape
    return y.recorded(from: [self]) { upstream in
      let table = Tensor(zeros: tableShape, on: upstream.backend)
      upstream.backend.scatterAddRows(
        upstream.storage, ids: ids.storage, to: table.storage, count: count, columns: columns)
      return [table]
    }
  }

  /// Rotates the heads of `[T, heads · headDim]` by their positions (rotary embedding, Su et al.
  /// 2021; the rotate-half convention of Hugging Face checkpoints).
  public func rotated(heads: Int, positions: Tensor, tables: RotaryTables) -> Tensor {
    let rows = shape.rows
    precondition(shape.columns == heads * tables.headDim, "\(heads) heads in rows of \(shape)")
    precondition(positions.count == rows, "\(positions.count) positions for \(rows) rows")
    return rotated(heads, positions, tables, sign: 1).recorded(from: [self]) {
      [$0.rotated(heads, positions, tables, sign: -1)]
    }
  }

  private func rotated(
    _ heads: Int, _ positions: Tensor, _ tables: RotaryTables, sign: Float
  ) -> Tensor {
    let y = Tensor(uninitialized: shape, dtype: dtype, on: backend)
    backend.copy(storage, to: y.storage, byteCount: count * dtype.byteCount)
    backend.rope(
      y.elements, rows: shape.rows, heads: heads, headDim: tables.headDim,
      positions: positions.storage, cosines: tables.cosines.storage, sines: tables.sines.storage,
      sign: sign)
    return y
  }
}

/// Cosines and sines of rotary angles, `[positions, headDim / 2]` each.
public struct RotaryTables {
  /// The cosines.
  public let cosines: Tensor
  /// The sines.
  public let sines: Tensor
  /// The size of a head.
  public var headDim: Int { cosines.shape.columns * 2 }

  /// Tables of equal shape.
  public init(cosines: Tensor, sines: Tensor) {
    precondition(cosines.shape == sines.shape)
    self.cosines = cosines
    self.sines = sines
  }

  /// The number of positions that the tables cover.
  public var positions: Int { cosines.shape.rows }
}

/// Causal attention inside each segment; `q` is `[T, heads · headDim]`, `k` and `v` are
/// `[T, kvHeads · headDim]`, the result is shaped like `q`. Blocked over queries: no T×T matrix.
public func causalAttention(
  q: Tensor, k: Tensor, v: Tensor, geometry: AttentionGeometry
) -> Tensor {
  let tokens = geometry.tokens
  precondition(q.shape == [tokens, geometry.heads * geometry.headDim], "queries are \(q.shape)")
  precondition(k.shape == [tokens, geometry.kvHeads * geometry.headDim], "keys are \(k.shape)")
  precondition(v.shape == k.shape, "values are \(v.shape), keys \(k.shape)")
  let backend = q.backend
  let (savedQ, savedK, savedV) = (q.detached, k.detached, v.detached)
  let y = Tensor(uninitialized: q.shape, dtype: q.dtype, on: backend)
  let lse = Tensor(uninitialized: [geometry.heads, tokens], on: backend)
  backend.attention(
    geometry, q: q.elements, k: k.elements, v: v.elements, out: y.elements, lse: lse.storage)
  return y.recorded(from: [q, k, v]) { upstream in
    let backend = upstream.backend
    let dq = Tensor(uninitialized: savedQ.shape, dtype: savedQ.dtype, on: backend)
    let dk = Tensor(uninitialized: savedK.shape, dtype: savedK.dtype, on: backend)
    let dv = Tensor(uninitialized: savedV.shape, dtype: savedV.dtype, on: backend)
    backend.attentionBackward(
      geometry, q: savedQ.elements, k: savedK.elements, v: savedV.elements, out: y.elements,
      lse: lse.storage, dOut: upstream.elements, dq: dq.elements, dk: dk.elements,
      dv: dv.elements)
    return [dq, dk, dv]
  }
}
