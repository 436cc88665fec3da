internal import CHalterKernels

extension CPUBackend {
  public func attention(
    _ geometry: AttentionGeometry, q: Elements, k: Elements, v: Elements, out: Elements,
    lse: Buffer
  ) {
    withAttention(geometry, q: q, k: k, v: v, out: out) { attention in
      check(geometry.tokens * geometry.heads, lse)
      attention.lse = lse.f32
      runForward(&attention)
    }
  }

  public func attentionBackward(
    _ geometry: AttentionGeometry, q: Elements, k: Elements, v: Elements, out: Elements,
    lse: Buffer, dOut: Elements, dq: Elements, dk: Elements, dv: Elements
  ) {
    withAttention(geometry, q: q, k: k, v: v, out: out) { attention in
      let width = geometry.tokens * geometry.headDim
      check(width * geometry.heads, q, dOut, dq)
      check(width * geometry.kvHeads, k, dk, dv)
      check(geometry.tokens * geometry.heads, lse)
      attention.lse = lse.f32
      attention.d_out.data = dOut.buffer.base
      attention.dq.data = dq.buffer.base
      attention.dk.data = dk.buffer.base
      attention.dv.data = dv.buffer.base
      let isa = instructionSet.code
      let scratch = pool.buffer(
        byteCount: hk_attention_backward_scratch(&attention, isa, threads.threads))
      withExtendedLifetime(scratch) {
        hk_attention_backward(&attention, isa, threads.pool, scratch.base)
      }
    }
  }

  public func cachedAttention(
    q: Buffer, k: Buffer, v: Buffer, out: Buffer, queries: Int, visible: Int, heads: Int,
    kvHeads: Int, headDim: Int, scale: Float
  ) {
    precondition(visible > 0, "the first query sees \(visible) keys")
    let geometry = AttentionGeometry(
      segments: [0, queries], heads: heads, kvHeads: kvHeads, headDim: headDim, scale: scale)
    withAttention(
      geometry, cached: visible - 1, q: Elements(q), k: Elements(k), v: Elements(v),
      out: Elements(out)
    ) { attention in runForward(&attention) }
  }

  /// Bytes of working memory that `attentionBackward` takes, which is more than `attention` does.
  public static func attentionScratch(
    _ geometry: AttentionGeometry, compute: ComputeType, threads: Int
  ) -> Int {
    geometry.segments.withUnsafeBufferPointer { segments in
      guard let start = segments.baseAddress, geometry.tokens > 0 else { return 0 }
      var attention = call(geometry, start, compute)
      return hk_attention_backward_scratch(&attention, InstructionSet.best.code, threads)
    }
  }

  /// The kernels' view of a geometry, rows lying one behind the other, without its matrices.
  private static func call(
    _ geometry: AttentionGeometry, _ segments: UnsafePointer<Int>, _ compute: ComputeType
  ) -> hk_attention {
    let queries = hk_rows(data: nil, ld: geometry.heads * geometry.headDim)
    let keys = hk_rows(data: nil, ld: geometry.kvHeads * geometry.headDim)
    return hk_attention(
      segments: segments, segment_count: geometry.segments.count - 1, cached: 0,
      heads: geometry.heads, kv_heads: geometry.kvHeads, head_dim: geometry.headDim,
      scale: geometry.scale, compute: compute == .bf16 ? HK_COMPUTE_BF16 : HK_COMPUTE_F32,
      type: HK_ELEMENT_F32, q: queries, k: keys, v: keys, out: queries, lse: nil, d_out: queries,
      dq: queries, dk: keys, dv: keys)
  }

  private func runForward(_ attention: inout hk_attention) {
    let isa = instructionSet.code
    let scratch = pool.buffer(
      byteCount: hk_attention_forward_scratch(&attention, isa, threads.threads))
    withExtendedLifetime(scratch) {
      hk_attention_forward(&attention, isa, threads.pool, scratch.base)
    }
  }

  /// Calls a closure with the kernels' view of a geometry after checking that the matrices hold it.
  /// Nothing is to be done where there are no tokens.
  private func withAttention(
    _ geometry: AttentionGeometry, cached: Int = 0, q: Elements, k: Elements, v: Elements,
    out: Elements, _ body: (inout hk_attention) -> Void
  ) {
    let (tokens, d) = (geometry.tokens, geometry.headDim)
    precondition((1...Int(HK_ATTENTION_HEAD)).contains(d), "heads of \(d)")
    let type = check(tokens * geometry.heads * d, q, out)
    precondition(
      check((cached + tokens) * geometry.kvHeads * d, k, v) == type, "elements of several types")
    geometry.segments.withUnsafeBufferPointer { segments in
      guard let start = segments.baseAddress, tokens > 0 else { return }
      var attention = Self.call(geometry, start, compute)
      attention.cached = cached
      attention.type = type
      attention.q.data = q.buffer.base
      attention.k.data = k.buffer.base
      attention.v.data = v.buffer.base
      attention.out.data = out.buffer.base
      body(&attention)
    }
  }
}
