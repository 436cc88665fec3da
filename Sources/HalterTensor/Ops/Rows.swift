import HalterBackend

extension Tensor {
  /// Root-mean-square normalisation of each row of `[…, D]` with a weight `[D]`
  /// (Zhang & Sennrich 2019): weight · x / sqrt(mean(x²) + epsilon).
  public func rmsNorm(weight: Tensor, epsilon: Float) -> Tensor {
    let (rows, columns) = (shape.rows, shape.columns)
    precondition(weight.shape == [columns], "weight \(weight.shape) for rows of \(columns)")
    let rstd = Tensor(uninitialized: [rows], on: backend)
    let (x, w, trainsWeight) = (detached, weight.detached, weight.requiresGradient)
    func normalized() -> Tensor {
      let y = Tensor(uninitialized: x.shape, on: x.backend)
      y.backend.rmsNorm(
        x.storage, weight: w.storage, epsilon: epsilon, into: y.storage, rstd: rstd.storage,
        rows: rows, columns: columns)
      return y
    }
    return normalized().recorded(from: [self, weight], recomputation: normalized) { upstream in
      let backend = upstream.backend
      let dx = Tensor(uninitialized: x.shape, on: backend)
      let dw = trainsWeight ? Tensor(zeros: w.shape, on: backend) : nil
      backend.rmsNormBackward(
        x.storage, weight: w.storage, rstd: rstd.storage, dy: upstream.storage, dx: dx.storage,
        dWeight: dw?.storage, rows: rows, columns: columns)
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
    let y = Tensor(uninitialized: shape, on: backend)
    backend.copy(storage, to: y.storage, byteCount: count * dtype.byteCount)
    backend.rope(
      y.storage, rows: shape.rows, heads: heads, headDim: tables.headDim,
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
  let y = Tensor(uninitialized: q.shape, on: backend)
  let lse = Tensor(uninitialized: [geometry.heads, tokens], on: backend)
  backend.attention(
    geometry, q: q.storage, k: k.storage, v: v.storage, out: y.storage, lse: lse.storage)
  let (savedQ, savedK, savedV, out) = (q.detached, k.detached, v.detached, y)
  return y.recorded(from: [q, k, v]) { upstream in
    let backend = upstream.backend
    let dq = Tensor(uninitialized: savedQ.shape, on: backend)
    let dk = Tensor(uninitialized: savedK.shape, on: backend)
    let dv = Tensor(uninitialized: savedV.shape, on: backend)
    backend.attentionBackward(
      geometry, q: savedQ.storage, k: savedK.storage, v: savedV.storage, out: out.storage,
      lse: lse.storage, dOut: upstream.storage, dq: dq.storage, dk: dk.storage, dv: dv.storage)
    return [dq, dk, dv]
  }
}
