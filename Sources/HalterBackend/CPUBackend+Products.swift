internal import CHalterKernels

extension CPUBackend {
  public func matmul(
    _ a: Elements, transposed transposeA: Bool, _ b: Elements, transposed transposeB: Bool,
    into c: Elements, m: Int, n: Int, k: Int, alpha: Float, accumulate: Bool,
    compute: ComputeType
  ) {
    check(m * k, a)
    check(n * k, b)
    let ld = transposeB ? k : n
    let matrix = hk_matrix(
      format: b.type == .bf16 ? HK_FORMAT_BF16 : HK_FORMAT_F32, rows: transposeB ? n : k,
      columns: ld, stride: ld * b.type.byteCount, values: b.buffer.base, scales: nil, block: 0)
    let term = hk_term(
      a: a.buffer.base, a_type: a.type.element, lda: transposeA ? m : k, a_transposed: transposeA,
      w_transposed: transposeB, w: matrix)
    multiply([term], m: m, n: n, alpha: alpha, accumulate: accumulate, compute: compute, into: c)
  }

  public func product(
    _ x: Elements, count m: Int, _ weights: StoredWeights, adding term: LowRankTerm?,
    into y: Elements, accumulate: Bool
  ) {
    multiply(
      x, count: m, weights, transposed: true, adding: term, into: y, accumulate: accumulate)
  }

  public func transposedProduct(
    _ dy: Elements, count m: Int, _ weights: StoredWeights, adding term: LowRankTerm?,
    into dx: Elements, accumulate: Bool
  ) {
    multiply(
      dy, count: m, weights, transposed: false, adding: term, into: dx, accumulate: accumulate)
  }

  /// x · Wᵀ if transposed, else x · W, plus a term of low rank in the same direction.
  private func multiply(
    _ x: Elements, count m: Int, _ weights: StoredWeights, transposed: Bool,
    adding term: LowRankTerm?, into y: Elements, accumulate: Bool
  ) {
    let (n, k) =
      transposed ? (weights.rows, weights.columns) : (weights.columns, weights.rows)
    check(m * k, x)
    withMatrix(weights) { matrix in
      var terms = [
        hk_term(
          a: x.buffer.base, a_type: x.type.element, lda: k, a_transposed: false,
          w_transposed: transposed, w: matrix)
      ]
      if let term {
        let rank = term.rank
        check(m * rank, term.reduced)
        check(n * rank, term.factor)
        let factor = Self.dense(
          term.factor.f32, rows: transposed ? n : rank, columns: transposed ? rank : n,
          ld: transposed ? rank : n)
        terms.append(
          hk_term(
            a: term.reduced.f32, a_type: HK_ELEMENT_F32, lda: rank, a_transposed: false,
            w_transposed: transposed, w: factor))
      }
      multiply(
        terms, m: m, n: n, alpha: 1, accumulate: accumulate, compute: compute, into: y)
    }
  }

  /// c = alpha · the sum of the terms, or c += ….
  private func multiply(
    _ terms: [hk_term], m: Int, n: Int, alpha: Float, accumulate: Bool, compute: ComputeType,
    into c: Elements
  ) {
    let type = check(m * n, c)
    precondition(!accumulate || c.type == .f32, "sums are kept in f32")
    terms.withUnsafeBufferPointer { terms in
      guard let start = terms.baseAddress else { return }
      var product = hk_product(
        m: m, n: n, terms: start, term_count: terms.count, alpha: alpha, accumulate: accumulate,
        compute: compute == .bf16 ? HK_COMPUTE_BF16 : HK_COMPUTE_F32, c: c.buffer.base,
        c_type: type, ldc: n)
      let isa = instructionSet.code
      let bytes = hk_product_scratch(&product, isa, threads.threads)
      let scratch = bytes > 0 ? pool.buffer(byteCount: bytes) : nil
      withExtendedLifetime(scratch) {
        hk_product_run(&product, isa, threads.pool, scratch?.base)
      }
    }
  }

  private static func dense(
    _ values: UnsafePointer<Float>, rows: Int, columns: Int, ld: Int
  ) -> hk_matrix {
    hk_matrix(
      format: HK_FORMAT_F32, rows: rows, columns: columns, stride: ld * 4, values: values,
      scales: nil, block: 0)
  }
}
