internal import CHalterKernels

extension CPUBackend {
  /// Queries that one task works on: its scores, [block, keys], stay in the second-level cache.
  private static let block = 64

  /// A run of queries of one head in one segment.
  private struct Task {
    let segment: Range<Int>
    let head: Int
    let queries: Range<Int>
  }

  public func attention(
    _ geometry: AttentionGeometry, q: Buffer, k: Buffer, v: Buffer, out: Buffer, lse: Buffer
  ) {
    checkAttention(geometry, q: [q, out], kv: [k, v], lse: lse)
    let (tokens, heads, d) = (geometry.tokens, geometry.heads, geometry.headDim)
    let group = heads / geometry.kvHeads
    let (ldq, ldk) = (heads * d, geometry.kvHeads * d)
    let (q, k, v, out, lse) = (q.f32, k.f32, v.f32, out.f32, lse.f32)
    let tasks = blocks(of: geometry)
    threads.run(tasks.count) { index in
      let task = tasks[index]
      let first = task.queries.lowerBound - task.segment.lowerBound
      let keys = first + task.queries.count
      let scores = pool.buffer(byteCount: task.queries.count * keys * 4)
      defer { withExtendedLifetime(scores) {} }
      attend(
        q: q + task.queries.lowerBound * ldq + task.head * d, ldq: ldq,
        k: k + task.segment.lowerBound * ldk + task.head / group * d,
        v: v + task.segment.lowerBound * ldk + task.head / group * d, ldk: ldk,
        out: out + task.queries.lowerBound * ldq + task.head * d,
        lse: lse + task.head * tokens + task.queries.lowerBound, scores: scores.f32,
        queries: task.queries.count, keys: keys, visible: first + 1, d: d, scale: geometry.scale)
    }
  }

  public func cachedAttention(
    q: Buffer, k: Buffer, v: Buffer, out: Buffer, queries: Int, visible: Int, heads: Int,
    kvHeads: Int, headDim d: Int, scale: Float
  ) {
    check(queries * heads * d, q, out)
    check((visible + queries - 1) * kvHeads * d, k, v)
    let group = heads / kvHeads
    let (ldq, ldk) = (heads * d, kvHeads * d)
    let (q, k, v, out) = (q.f32, k.f32, v.f32, out.f32)
    let across = (queries + Self.block - 1) / Self.block
    threads.run(heads * across) { index in
      let (head, first) = (index / across, index % across * Self.block)
      let count = min(Self.block, queries - first)
      let keys = visible + first + count - 1
      let scratch = pool.buffer(byteCount: count * (keys + 1) * 4)
      defer { withExtendedLifetime(scratch) {} }
      attend(
        q: q + first * ldq + head * d, ldq: ldq, k: k + head / group * d, v: v + head / group * d,
        ldk: ldk, out: out + first * ldq + head * d, lse: scratch.f32 + count * keys,
        scores: scratch.f32, queries: count, keys: keys, visible: visible + first, d: d,
        scale: scale)
    }
  }

  /// softmax(scale · q kᵀ) v for one block of queries; row r sees the first `visible + r` keys.
  private func attend(
    q: UnsafePointer<Float>, ldq: Int, k: UnsafePointer<Float>, v: UnsafePointer<Float>, ldk: Int,
    out: UnsafeMutablePointer<Float>, lse: UnsafeMutablePointer<Float>,
    scores: UnsafeMutablePointer<Float>, queries: Int, keys: Int, visible: Int, d: Int,
    scale: Float
  ) {
    product(
      q, lda: ldq, k, ldb: ldk, transposeB: true, scores, ldc: keys, m: queries, n: keys, k: d)
    kernels.pointee.causal_softmax(queries, keys, visible, scale, scores, keys, lse)
    product(scores, lda: keys, v, ldb: ldk, out, ldc: ldq, m: queries, n: d, k: keys)
  }

  public func attentionBackward(
    _ geometry: AttentionGeometry, q: Buffer, k: Buffer, v: Buffer, out: Buffer, lse: Buffer,
    dOut: Buffer, dq: Buffer, dk: Buffer, dv: Buffer
  ) {
    checkAttention(geometry, q: [q, out, dOut, dq], kv: [k, v, dk, dv], lse: lse)
    let (tokens, heads, d) = (geometry.tokens, geometry.heads, geometry.headDim)
    let group = heads / geometry.kvHeads
    let (ldq, ldk) = (heads * d, geometry.kvHeads * d)
    // Each head sums its own dk and dv; heads that share a kv head are added afterwards, in order.
    let keyGradients = group == 1 ? dk : allocate(byteCount: tokens * ldq * 4)
    let valueGradients = group == 1 ? dv : allocate(byteCount: tokens * ldq * 4)
    fill(keyGradients, count: tokens * ldq, with: 0)
    fill(valueGradients, count: tokens * ldq, with: 0)
    let (q, k, v, out, lse, dOut, dq) = (q.f32, k.f32, v.f32, out.f32, lse.f32, dOut.f32, dq.f32)
    let (headDK, headDV) = (keyGradients.f32, valueGradients.f32)
    let segments = zip(geometry.segments, geometry.segments.dropFirst()).map { $0..<$1 }
      .filter { !$0.isEmpty }.sorted { $0.count > $1.count }
    threads.run(segments.count * heads) { index in
      let (segment, head) = (segments[index / heads], index % heads)
      let (k, v) = (k + head / group * d, v + head / group * d)
      let rows = min(Self.block, segment.count)
      let scratch = pool.buffer(byteCount: (2 * rows * segment.count + rows) * 4)
      defer { withExtendedLifetime(scratch) {} }
      let scores = scratch.f32
      let gradients = scores + rows * segment.count
      let delta = gradients + rows * segment.count
      for start in stride(from: segment.lowerBound, to: segment.upperBound, by: Self.block) {
        let count = min(Self.block, segment.upperBound - start)
        let keys = start - segment.lowerBound + count
        let block = start * ldq + head * d
        let keyBlock = segment.lowerBound * ldk
        let headKeyBlock = segment.lowerBound * ldq + head * d
        product(
          q + block, lda: ldq, k + keyBlock, ldb: ldk, transposeB: true, scores, ldc: keys,
          m: count, n: keys, k: d)
        product(
          dOut + block, lda: ldq, v + keyBlock, ldb: ldk, transposeB: true, gradients, ldc: keys,
          m: count, n: keys, k: d)
        kernels.pointee.row_dots(count, d, dOut + block, ldq, out + block, ldq, delta)
        kernels.pointee.causal_softmax_backward(
          count, keys, keys - count + 1, geometry.scale, lse + head * tokens + start, delta,
          scores, gradients, keys)
        product(
          gradients, lda: keys, k + keyBlock, ldb: ldk, dq + block, ldc: ldq, m: count, n: d,
          k: keys)
        product(
          gradients, lda: keys, transposeA: true, q + block, ldb: ldq, headDK + headKeyBlock,
          ldc: ldq, m: keys, n: d, k: count, accumulate: true)
        product(
          scores, lda: keys, transposeA: true, dOut + block, ldb: ldq, headDV + headKeyBlock,
          ldc: ldq, m: keys, n: d, k: count, accumulate: true)
      }
    }
    if group > 1 {
      sumGroups(keyGradients, into: dk, rows: tokens, kvHeads: geometry.kvHeads, group: group, d: d)
      sumGroups(
        valueGradients, into: dv, rows: tokens, kvHeads: geometry.kvHeads, group: group, d: d)
    }
  }

  /// y[row, kv head] = sum over the heads of its group, in order.
  private func sumGroups(
    _ x: Buffer, into y: Buffer, rows: Int, kvHeads: Int, group: Int, d: Int
  ) {
    let (x, y, kernel) = (x.f32, y.f32, kernels.pointee.add)
    threads.ranges(rows, grain: max(1, Self.grain / (kvHeads * group * d))) { range in
      for row in range {
        for head in 0..<kvHeads {
          let source = x + (row * kvHeads + head) * group * d
          let target = y + (row * kvHeads + head) * d
          kernel(d, source, source + d, target)
          for member in stride(from: 2, to: group, by: 1) {
            kernel(d, target, source + member * d, target)
          }
        }
      }
    }
  }

  /// The blocks of queries of all heads and segments, those with the most keys first.
  private func blocks(of geometry: AttentionGeometry) -> [Task] {
    var tasks: [Task] = []
    for (start, end) in zip(geometry.segments, geometry.segments.dropFirst()) {
      for first in stride(from: start, to: end, by: Self.block) {
        for head in 0..<geometry.heads {
          tasks.append(
            Task(segment: start..<end, head: head, queries: first..<min(end, first + Self.block)))
        }
      }
    }
    return tasks.sorted {
      $0.queries.upperBound - $0.segment.lowerBound > $1.queries.upperBound - $1.segment.lowerBound
    }
  }

  private func checkAttention(
    _ geometry: AttentionGeometry, q: [Buffer], kv: [Buffer], lse: Buffer
  ) {
    let width = geometry.tokens * geometry.headDim
    for buffer in q { check(width * geometry.heads, buffer) }
    for buffer in kv { check(width * geometry.kvHeads, buffer) }
    check(geometry.tokens * geometry.heads, lse)
  }
}
