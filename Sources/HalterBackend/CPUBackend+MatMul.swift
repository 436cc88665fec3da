internal import CHalterKernels
internal import COpenBLAS

extension CPUBackend {
  public func matmul(
    _ a: Buffer, transposed transposeA: Bool, _ b: Buffer, transposed transposeB: Bool,
    into c: Buffer, m: Int, n: Int, k: Int, alpha: Float, accumulate: Bool
  ) {
    check(m * k, a)
    check(n * k, b)
    check(m * n, c)
    if m == 0 || n == 0 { return }
    if k == 0 { return accumulate ? () : fill(c, count: m * n, with: 0) }
    let (a, b, c) = (a.f32, b.f32, c.f32)
    let (lda, ldb) = (transposeA ? m : k, transposeB ? k : n)
    let tile = Tile(m: m, n: n, k: k)
    threads.run(tile.count) { index in
      let (rows, columns) = tile[index]
      let a = a + (transposeA ? rows.lowerBound : rows.lowerBound * lda)
      let b = b + (transposeB ? columns.lowerBound * ldb : columns.lowerBound)
      let c = c + rows.lowerBound * n + columns.lowerBound
      if rows.count == 1 && transposeB && !transposeA {
        // One row: the matrix is read once, at the speed of memory.
        cblas_sgemv(
          CblasRowMajor, CblasNoTrans, Int32(columns.count), Int32(k), alpha, b, Int32(ldb), a, 1,
          accumulate ? 1 : 0, c, 1)
      } else {
        product(
          a, lda: lda, transposeA: transposeA, b, ldb: ldb, transposeB: transposeB, c, ldc: n,
          m: rows.count, n: columns.count, k: k, alpha: alpha, beta: accumulate ? 1 : 0)
      }
    }
  }

  /// One product on this thread: c = alpha · op(a) · op(b) + beta · c.
  func product(
    _ a: UnsafePointer<Float>, lda: Int, transposeA: Bool = false,
    _ b: UnsafePointer<Float>, ldb: Int, transposeB: Bool = false,
    _ c: UnsafeMutablePointer<Float>, ldc: Int, m: Int, n: Int, k: Int, alpha: Float = 1,
    beta: Float = 0
  ) {
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      Int32(m), Int32(n), Int32(k), alpha, a, Int32(lda), b, Int32(ldb), beta, c, Int32(ldc))
  }

  /// How a product is cut into tasks: by rows while there are enough of them, else by columns.
  /// The cut depends on the sizes alone, so results do not depend on the number of threads.
  private struct Tile {
    let m: Int
    let n: Int
    let rowsPerTask: Int
    let columnsPerTask: Int

    init(m: Int, n: Int, k: Int) {
      self.m = m
      self.n = n
      if m * n * k < 1 << 18 {
        (rowsPerTask, columnsPerTask) = (m, n)
      } else if m >= 1024 {
        (rowsPerTask, columnsPerTask) = (512, n)
      } else if n >= 512 {
        (rowsPerTask, columnsPerTask) = (m, max(256, (n / 4 + 63) & ~63))
      } else {
        (rowsPerTask, columnsPerTask) = (max(64, (m / 2 + 15) & ~15), n)
      }
    }

    private var across: Int { (n + columnsPerTask - 1) / columnsPerTask }
    var count: Int { (m + rowsPerTask - 1) / rowsPerTask * across }

    subscript(index: Int) -> (rows: Range<Int>, columns: Range<Int>) {
      let row = index / across * rowsPerTask
      let column = index % across * columnsPerTask
      return (row..<min(m, row + rowsPerTask), column..<min(n, column + columnsPerTask))
    }
  }
}
