import HalterBackend

/// A device that is wrong in one operation: the first element of its first output is off by about
/// one percent. It shows that the conformance checks can fail.
final class PerturbedBackend: Backend {
  private let inner: any Backend
  private let broken: BackendConformance.Operation

  init(_ inner: any Backend, breaking broken: BackendConformance.Operation) {
    self.inner = inner
    self.broken = broken
  }

  var summary: String { inner.summary }
  var heldBytes: Int { inner.heldBytes }
  var compute: ComputeType { inner.compute }
  func allocate(byteCount: Int) -> Buffer { inner.allocate(byteCount: byteCount) }
  func trim() { inner.trim() }

  private func spoil(_ y: Buffer, _ count: Int, after operation: BackendConformance.Operation) {
    guard operation == broken, count > 0 else { return }
    let first = y.read(Float.self, count: 1)[0]
    y.write([first + 0.01 + 0.01 * abs(first)])
  }

  func fill(_ y: Buffer, count: Int, with value: Float) {
    inner.fill(y, count: count, with: value)
    spoil(y, count, after: .fill)
  }

  func copy(_ x: Buffer, to y: Buffer, byteCount: Int) {
    inner.copy(x, to: y, byteCount: byteCount)
    spoil(y, byteCount / 4, after: .copy)
  }

  func add(_ a: Buffer, _ b: Buffer, into y: Buffer, count: Int) {
    inner.add(a, b, into: y, count: count)
    spoil(y, count, after: .add)
  }

  func multiply(_ a: Buffer, _ b: Buffer, into y: Buffer, count: Int) {
    inner.multiply(a, b, into: y, count: count)
    spoil(y, count, after: .multiply)
  }

  func scale(_ x: Buffer, by s: Float, into y: Buffer, count: Int) {
    inner.scale(x, by: s, into: y, count: count)
    spoil(y, count, after: .scale)
  }

  func accumulate(_ x: Buffer, scaledBy s: Float, into y: Buffer, count: Int) {
    inner.accumulate(x, scaledBy: s, into: y, count: count)
    spoil(y, count, after: .accumulate)
  }

  func swiglu(gate: Elements, up: Elements, into y: Elements, count: Int) {
    inner.swiglu(gate: gate, up: up, into: y, count: count)
    spoil(y.buffer, count, after: .swiglu)
  }

  func swigluBackward(
    gate: Elements, up: Elements, dy: Elements, dGate: Elements, dUp: Elements, count: Int
  ) {
    inner.swigluBackward(gate: gate, up: up, dy: dy, dGate: dGate, dUp: dUp, count: count)
    spoil(dGate.buffer, count, after: .swigluBackward)
  }

  func dropout(_ x: Elements, probability: Float, seed: UInt64, into y: Elements, count: Int) {
    inner.dropout(x, probability: probability, seed: seed, into: y, count: count)
    spoil(y.buffer, count, after: .dropout)
  }

  func sumOfSquares(_ x: Buffer, count: Int) -> Double {
    inner.sumOfSquares(x, count: count) * (broken == .sumOfSquares ? 1.01 : 1)
  }

  func convertToBF16(_ x: Buffer, into y: Buffer, count: Int) {
    inner.convertToBF16(x, into: y, count: count)
    guard broken == .convertToBF16, count > 0 else { return }
    y.write([y.read(UInt16.self, count: 1)[0] ^ 1])
  }

  func convertFromBF16(_ x: Buffer, into y: Buffer, count: Int) {
    inner.convertFromBF16(x, into: y, count: count)
    spoil(y, count, after: .convertFromBF16)
  }

  func decode(
    _ source: RawSpan, format: ElementFormat, rows: Int, columns: Int, rowOrder: [Int]?,
    into y: Buffer
  ) {
    inner.decode(
      source, format: format, rows: rows, columns: columns, rowOrder: rowOrder, into: y)
    spoil(y, rows * columns, after: .decode)
  }

  func rmsNorm(
    _ x: Buffer, weight: Buffer, epsilon: Float, into y: Elements, normalized: Buffer?,
    rstd: Buffer, rows: Int, columns: Int
  ) {
    inner.rmsNorm(
      x, weight: weight, epsilon: epsilon, into: y, normalized: normalized, rstd: rstd,
      rows: rows, columns: columns)
    spoil(y.buffer, rows * columns, after: .rmsNorm)
  }

  func rmsNormBackward(
    normalized: Elements, weight: Buffer, rstd: Buffer, dy: Buffer, dx: Buffer, accumulate: Bool,
    dWeight: Buffer?, rows: Int, columns: Int
  ) {
    inner.rmsNormBackward(
      normalized: normalized, weight: weight, rstd: rstd, dy: dy, dx: dx, accumulate: accumulate,
      dWeight: dWeight, rows: rows, columns: columns)
    spoil(dx, rows * columns, after: .rmsNormBackward)
  }

  func scaleColumns(_ x: Elements, by w: Buffer, into y: Elements, rows: Int, columns: Int) {
    inner.scaleColumns(x, by: w, into: y, rows: rows, columns: columns)
    spoil(y.buffer, rows * columns, after: .scaleColumns)
  }

  func addBias(_ bias: Buffer, to y: Elements, rows: Int, columns: Int) {
    inner.addBias(bias, to: y, rows: rows, columns: columns)
    spoil(y.buffer, rows * columns, after: .addBias)
  }

  func addColumnSums(of x: Elements, to sums: Buffer, rows: Int, columns: Int) {
    inner.addColumnSums(of: x, to: sums, rows: rows, columns: columns)
    spoil(sums, columns, after: .addColumnSums)
  }

  func gatherRows(_ table: Buffer, ids: Buffer, into y: Buffer, count: Int, columns: Int) {
    inner.gatherRows(table, ids: ids, into: y, count: count, columns: columns)
    spoil(y, count * columns, after: .gatherRows)
  }

  func scatterAddRows(_ x: Buffer, ids: Buffer, to table: Buffer, count: Int, columns: Int) {
    inner.scatterAddRows(x, ids: ids, to: table, count: count, columns: columns)
    spoil(table, count * columns, after: .scatterAddRows)
  }

  func rope(
    _ x: Elements, rows: Int, heads: Int, headDim: Int, positions: Buffer, cosines: Buffer,
    sines: Buffer, sign: Float
  ) {
    inner.rope(
      x, rows: rows, heads: heads, headDim: headDim, positions: positions, cosines: cosines,
      sines: sines, sign: sign)
    spoil(x.buffer, rows * heads * headDim, after: .rope)
  }

  func matmul(
    _ a: Elements, transposed transposeA: Bool, _ b: Elements, transposed transposeB: Bool,
    into c: Elements, m: Int, n: Int, k: Int, alpha: Float, accumulate: Bool,
    compute: ComputeType
  ) {
    inner.matmul(
      a, transposed: transposeA, b, transposed: transposeB, into: c, m: m, n: n, k: k,
      alpha: alpha, accumulate: accumulate, compute: compute)
    spoil(c.buffer, m * n, after: .matmul)
  }

  func store(
    _ source: RawSpan, format: ElementFormat, rows: Int, columns: Int, rowOrder: [Int]?,
    quantization: WeightQuantization?
  ) -> StoredWeights? {
    let stored = inner.store(
      source, format: format, rows: rows, columns: columns, rowOrder: rowOrder,
      quantization: quantization)
    if let stored, broken == .store, stored.format == .f32 {
      spoil(stored.values, rows * columns, after: .store)
    }
    return stored
  }

  func gatherRows(of weights: StoredWeights, ids: Buffer, into y: Buffer, count: Int) {
    inner.gatherRows(of: weights, ids: ids, into: y, count: count)
    spoil(y, count * weights.columns, after: .gatherStoredRows)
  }

  func decodeRows(_ range: Range<Int>, of weights: StoredWeights, into y: Buffer) {
    inner.decodeRows(range, of: weights, into: y)
    spoil(y, range.count * weights.columns, after: .decodeRows)
  }

  func product(
    _ x: Elements, count m: Int, _ weights: StoredWeights, adding term: LowRankTerm?,
    into y: Elements, accumulate: Bool
  ) {
    inner.product(x, count: m, weights, adding: term, into: y, accumulate: accumulate)
    spoil(y.buffer, m * weights.rows, after: .storedProduct)
  }

  func transposedProduct(
    _ dy: Elements, count m: Int, _ weights: StoredWeights, adding term: LowRankTerm?,
    into dx: Elements, accumulate: Bool
  ) {
    inner.transposedProduct(dy, count: m, weights, adding: term, into: dx, accumulate: accumulate)
    spoil(dx.buffer, m * weights.columns, after: .storedTransposedProduct)
  }

  func products(_ x: Buffer, count m: Int, _ weights: [StoredWeights], into ys: [Buffer]) {
    inner.products(x, count: m, weights, into: ys)
    if let last = weights.last { spoil(ys[ys.count - 1], m * last.rows, after: .products) }
  }

  func attention(
    _ geometry: AttentionGeometry, q: Elements, k: Elements, v: Elements, out: Elements,
    lse: Buffer
  ) {
    inner.attention(geometry, q: q, k: k, v: v, out: out, lse: lse)
    spoil(out.buffer, geometry.tokens, after: .attention)
  }

  func attentionBackward(
    _ geometry: AttentionGeometry, q: Elements, k: Elements, v: Elements, out: Elements,
    lse: Buffer, dOut: Elements, dq: Elements, dk: Elements, dv: Elements
  ) {
    inner.attentionBackward(
      geometry, q: q, k: k, v: v, out: out, lse: lse, dOut: dOut, dq: dq, dk: dk, dv: dv)
    spoil(dq.buffer, geometry.tokens, after: .attentionBackward)
  }

  func cachedAttention(
    q: Buffer, k: Buffer, v: Buffer, out: Buffer, queries: Int, visible: Int, heads: Int,
    kvHeads: Int, headDim: Int, scale: Float
  ) {
    inner.cachedAttention(
      q: q, k: k, v: v, out: out, queries: queries, visible: visible, heads: heads,
      kvHeads: kvHeads, headDim: headDim, scale: scale)
    spoil(out, queries, after: .cachedAttention)
  }

  func crossEntropy(
    logits: Buffer, labels: Buffer, weights: Buffer?, logprobs: Buffer, rows: Int,
    vocabulary: Int
  ) {
    inner.crossEntropy(
      logits: logits, labels: labels, weights: weights, logprobs: logprobs, rows: rows,
      vocabulary: vocabulary)
    spoil(logits, rows, after: .crossEntropy)
  }

  func linearCrossEntropy(
    _ hidden: Buffer, count: Int, head: StoredWeights, labels: Buffer, weights: Buffer?,
    logprobs: Buffer, dHidden: Buffer?
  ) {
    inner.linearCrossEntropy(
      hidden, count: count, head: head, labels: labels, weights: weights, logprobs: logprobs,
      dHidden: dHidden)
    spoil(logprobs, count, after: .linearCrossEntropy)
  }

  func adamW(
    _ constants: AdamWConstants, gradient: Buffer, parameter: Buffer, m: Buffer, v: Buffer,
    count: Int
  ) {
    inner.adamW(constants, gradient: gradient, parameter: parameter, m: m, v: v, count: count)
    spoil(parameter, count, after: .adamW)
  }

  func adamW(
    _ constants: AdamWConstants, gradient: Buffer, parameter: Buffer, moments: QuantizedMoments,
    count: Int
  ) {
    inner.adamW(
      constants, gradient: gradient, parameter: parameter, moments: moments, count: count)
    spoil(parameter, count, after: .adamW8bit)
  }
}
