internal import CHalterKernels

extension CPUBackend {
  public func matmul(
    _ a: Buffer, transposed transposeA: Bool, _ b: Buffer, transposed transposeB: Bool,
    into c: Buffer, m: Int, n: Int, k: Int, alpha: Float, accumulate: Bool
  ) {
    check(m * k, a)
    check(n * k, b)
    check(m * n, c)
    let term = hk_term(
      a: a.f32, lda: transposeA ? m : k, a_transposed: transposeA, w_transposed: transposeB,
      w: Self.dense(
        b.f32, rows: transposeB ? n : k, columns: transposeB ? k : n, ld: transposeB ? k : n))
    multiply(
      [term], m: m, n: n, alpha: alpha, accumulate: accumulate, compute: .f32, into: c.f32, ldc: n)
  }

  /// One product on this thread: c = alpha · op(a) · op(b), or c += … when accumulating.
  func product(
    _ a: UnsafePointer<Float>, lda: Int, transposeA: Bool = false,
    _ b: UnsafePointer<Float>, ldb: Int, transposeB: Bool = false,
    _ c: UnsafeMutablePointer<Float>, ldc: Int, m: Int, n: Int, k: Int, accumulate: Bool = false
  ) {
    let term = hk_term(
      a: a, lda: lda, a_transposed: transposeA, w_transposed: transposeB,
      w: Self.dense(b, rows: transposeB ? n : k, columns: transposeB ? k : n, ld: ldb))
    multiply(
      [term], m: m, n: n, alpha: 1, accumulate: accumulate, compute: .f32, into: c, ldc: ldc,
      alone: true)
  }

  public func product(
    _ x: Buffer, count m: Int, _ weights: StoredWeights, adding term: LowRankTerm?,
    into y: Buffer, accumulate: Bool
  ) {
    let (n, k) = (weights.rows, weights.columns)
    check(m * k, x)
    check(m * n, y)
    withMatrix(weights) { matrix in
      var terms = [hk_term(a: x.f32, lda: k, a_transposed: false, w_transposed: true, w: matrix)]
      if let term {
        check(m * term.rank, term.reduced)
        check(n * term.rank, term.factor)
        terms.append(
          hk_term(
            a: term.reduced.f32, lda: term.rank, a_transposed: false, w_transposed: true,
            w: Self.dense(term.factor.f32, rows: n, columns: term.rank, ld: term.rank)))
      }
      multiply(
        terms, m: m, n: n, alpha: 1, accumulate: accumulate, compute: compute, into: y.f32, ldc: n)
    }
  }

  public func transposedProduct(
    _ dy: Buffer, count m: Int, _ weights: StoredWeights, adding term: LowRankTerm?,
    into dx: Buffer, accumulate: Bool
  ) {
    let (n, k) = (weights.columns, weights.rows)
    check(m * k, dy)
    check(m * n, dx)
    withMatrix(weights) { matrix in
      var terms = [hk_term(a: dy.f32, lda: k, a_transposed: false, w_transposed: false, w: matrix)]
      if let term {
        check(m * term.rank, term.reduced)
        check(n * term.rank, term.factor)
        terms.append(
          hk_term(
            a: term.reduced.f32, lda: term.rank, a_transposed: false, w_transposed: false,
            w: Self.dense(term.factor.f32, rows: term.rank, columns: n, ld: n)))
      }
      multiply(
        terms, m: m, n: n, alpha: 1, accumulate: accumulate, compute: compute, into: dx.f32, ldc: n)
    }
  }

  /// c = alpha · the sum of the terms, or c += …, on the pool or on this thread alone.
  private func multiply(
    _ terms: [hk_term], m: Int, n: Int, alpha: Float, accumulate: Bool, compute: ComputeType,
    into c: UnsafeMutablePointer<Float>, ldc: Int, alone: Bool = false
  ) {
    terms.withUnsafeBufferPointer { terms in
      guard let start = terms.baseAddress else { return }
      var product = hk_product(
        m: m, n: n, terms: start, term_count: terms.count, alpha: alpha, accumulate: accumulate,
        compute: compute == .bf16 ? HK_COMPUTE_BF16 : HK_COMPUTE_F32, c: c, ldc: ldc)
      let isa = instructionSet.code
      let bytes = hk_product_scratch(&product, isa, alone ? 1 : threads.threads)
      let scratch = bytes > 0 ? pool.buffer(byteCount: bytes) : nil
      withExtendedLifetime(scratch) {
        hk_product_run(&product, isa, alone ? nil : threads.pool, scratch?.base)
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
