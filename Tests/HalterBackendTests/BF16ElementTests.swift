import HalterBackend
import Testing

/// Operations on bf16 in memory: what the same operation gives on f32, rounded once at the end, to
/// the bit.
@Suite struct BF16ElementTests {
  static let sets = CPUConformanceTests.sets

  private let rows = 5
  private let columns = 70

  /// The same numbers as bf16 and as f32.
  private func pair(_ count: Int, _ seed: UInt64, on backend: any Backend) -> (Elements, Elements) {
    let narrow = backend.allocate(byteCount: count * 2)
    backend.convertToBF16(filled(noise(count, seed), on: backend), into: narrow, count: count)
    let wide = backend.allocate(byteCount: count * 4)
    backend.convertFromBF16(narrow, into: wide, count: count)
    return (Elements(narrow, .bf16), Elements(wide))
  }

  private func outputs(_ count: Int, on backend: any Backend) -> (Elements, Elements) {
    (
      Elements(backend.allocate(byteCount: count * 2), .bf16),
      Elements(backend.allocate(byteCount: count * 4))
    )
  }

  private func expectRounded(
    _ results: (Elements, Elements), _ count: Int, on backend: any Backend,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let rounded = backend.allocate(byteCount: count * 2)
    backend.convertToBF16(results.1.buffer, into: rounded, count: count)
    #expect(
      results.0.buffer.read(UInt16.self, count: count)
        == rounded.read(UInt16.self, count: count), sourceLocation: sourceLocation)
  }

  @Test(arguments: sets) func swiglu(set: InstructionSet) {
    let backend = CPUBackend(threads: 2, instructionSet: set)
    let n = rows * columns
    let (gate, up, dy) = (pair(n, 1, on: backend), pair(n, 2, on: backend), pair(n, 3, on: backend))
    let y = outputs(n, on: backend)
    backend.swiglu(gate: gate.0, up: up.0, into: y.0, count: n)
    backend.swiglu(gate: gate.1, up: up.1, into: y.1, count: n)
    expectRounded(y, n, on: backend)
    let (dGate, dUp) = (outputs(n, on: backend), outputs(n, on: backend))
    backend.swigluBackward(
      gate: gate.0, up: up.0, dy: dy.0, dGate: dGate.0, dUp: dUp.0, count: n)
    backend.swigluBackward(
      gate: gate.1, up: up.1, dy: dy.1, dGate: dGate.1, dUp: dUp.1, count: n)
    expectRounded(dGate, n, on: backend)
    expectRounded(dUp, n, on: backend)
  }

  @Test(arguments: sets) func norms(set: InstructionSet) {
    let backend = CPUBackend(threads: 2, instructionSet: set)
    let n = rows * columns
    let (x, w) = (filled(noise(n, 4), on: backend), filled(noise(columns, 5), on: backend))
    let (y, h) = (outputs(n, on: backend), outputs(n, on: backend))
    let rstd = backend.allocate(byteCount: rows * 4)
    for (y, h) in [(y.0, h.0), (y.1, h.1)] {
      backend.rmsNorm(
        x, weight: w, epsilon: 1e-5, into: y, normalized: h.buffer, rstd: rstd, rows: rows,
        columns: columns)
    }
    expectRounded(y, n, on: backend)
    expectRounded(h, n, on: backend)
    let input = pair(n, 6, on: backend)
    backend.scaleColumns(input.0, by: w, into: y.0, rows: rows, columns: columns)
    backend.scaleColumns(input.1, by: w, into: y.1, rows: rows, columns: columns)
    expectRounded(y, n, on: backend)
    // The gradient is f32 either way.
    let dy = filled(noise(n, 7), on: backend)
    let gradients = [input.0, input.1].map { h in
      let dx = backend.allocate(byteCount: n * 4)
      let dw = filled([Float](repeating: 0, count: columns), on: backend)
      backend.rmsNormBackward(
        normalized: h, weight: w, rstd: rstd, dy: dy, dx: dx, accumulate: false, dWeight: dw,
        rows: rows,
        columns: columns)
      return dx.read(Float.self, count: n) + dw.read(Float.self, count: columns)
    }
    #expect(gradients[0] == gradients[1])
  }

  @Test(arguments: sets) func rowsAndDropout(set: InstructionSet) {
    let backend = CPUBackend(threads: 2, instructionSet: set)
    let n = rows * columns
    let x = pair(n, 8, on: backend)
    let y = outputs(n, on: backend)
    backend.dropout(x.0, probability: 0.25, seed: 9, into: y.0, count: n)
    backend.dropout(x.1, probability: 0.25, seed: 9, into: y.1, count: n)
    expectRounded(y, n, on: backend)
    let bias = filled(noise(columns, 10), on: backend)
    let sums = [x.0, x.1].map { x in
      let sums = filled([Float](repeating: 1, count: columns), on: backend)
      backend.addColumnSums(of: x, to: sums, rows: rows, columns: columns)
      return sums.read(Float.self, count: columns)
    }
    #expect(sums[0] == sums[1])
    for x in [x.0, x.1] { backend.addBias(bias, to: x, rows: rows, columns: columns) }
    expectRounded(x, n, on: backend)
  }

  @Test(arguments: sets) func rope(set: InstructionSet) {
    let backend = CPUBackend(threads: 2, instructionSet: set)
    let x = pair(rows * columns, 11, on: backend)
    let table = filled(noise(5 * 7, 12), on: backend)
    let positions = filled((0..<rows).map { Int32(4 - $0) }, on: backend)
    for x in [x.0, x.1] {
      backend.rope(
        x, rows: rows, heads: 5, headDim: 14, positions: positions, cosines: table,
        sines: table, sign: 1)
    }
    expectRounded(x, rows * columns, on: backend)
  }

  /// Products of bf16 rows are those of the same rows in f32; a bf16 result is the f32 one rounded.
  @Test(arguments: sets, [ComputeType.f32, .bf16])
  func products(set: InstructionSet, compute: ComputeType) {
    let backend = CPUBackend(threads: 2, instructionSet: set, compute: compute)
    // A few rows, and blocks enough that a sum crosses them, with a term of low rank and without.
    for (m, rows, columns, rank) in [(2, 33, 66, 0), (40, 70, 64, 3), (200, 96, 1600, 17)] {
      let weights = StoredNumbers(.nf4, rows: rows, columns: columns).weights(on: backend)
      for transposed in [false, true] {
        let (n, k) = transposed ? (columns, rows) : (rows, columns)
        let term =
          rank == 0
          ? nil
          : LowRankTerm(
            reduced: filled(noise(m * rank, 13), on: backend),
            factor: filled(noise(n * rank, 14), on: backend), rank: rank)
        let x = pair(m * k, 15, on: backend)
        let y = outputs(m * n, on: backend)
        // The few rows that are not packed are not rounded either.
        let inputs = m > 4 ? [x.0, x.1] : [x.1]
        for x in inputs {
          for y in [y.0, y.1] where m > 4 || y.type == .f32 {
            if transposed {
              backend.transposedProduct(
                x, count: m, weights, adding: term, into: y, accumulate: false)
            } else {
              backend.product(x, count: m, weights, adding: term, into: y, accumulate: false)
            }
          }
          if m > 4 { expectRounded(y, m * n, on: backend) }
        }
      }
    }
  }

  @Test(arguments: sets) func transposedRows(set: InstructionSet) {
    let backend = CPUBackend(threads: 2, instructionSet: set)
    let (m, n, k) = (37, 50, 300)
    let (a, b) = (pair(m * k, 16, on: backend), pair(k * n, 17, on: backend))
    for compute in ComputeType.allCases {
      let results = [a.0, a.1].flatMap { a in
        [b.0, b.1].map { b in
          let c = backend.allocate(byteCount: m * n * 4)
          backend.matmul(
            a, transposed: true, b, transposed: false, into: Elements(c), m: m, n: n, k: k,
            alpha: 0.5, accumulate: false, compute: compute)
          return c.read(Float.self, count: m * n)
        }
      }
      #expect(results.allSatisfy { $0 == results[0] })
    }
  }
}
