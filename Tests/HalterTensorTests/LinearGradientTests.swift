import HalterBackend
import HalterTensor
import Testing

/// Linear layers: dense, frozen, and frozen with a low-rank adapter.
@Suite struct LinearGradientTests {
  /// Rows, outputs, inputs.
  static let sizes = [(0, 3, 2), (1, 1, 1), (2, 3, 0), (3, 5, 7), (5, 17, 3), (2, 1, 33)]

  private func biased(_ y: [Double], _ bias: [Double]) -> [Double] {
    y.indices.map { y[$0] + bias[$0 % bias.count] }
  }

  @Test(arguments: sizes, [[], [0], [1], [2], [0, 2], [1, 2]] as [Set<Int>])
  func dense(size: (Int, Int, Int), frozen: Set<Int>) {
    let (m, n, k) = size
    GradientCheck(shapes: [[m, k], [n, k], [n]], frozen: frozen).run({
      $0[0].linear($0[1], bias: $0[2])
    }) { x in
      biased(naiveProduct(x[0], x[1], m, n, k), x[2])
    }
  }

  @Test(arguments: sizes) func denseWithoutBias(size: (Int, Int, Int)) {
    let (m, n, k) = size
    GradientCheck(shapes: [[m, k], [n, k]]).run({ $0[0].linear($0[1]) }) { x in
      naiveProduct(x[0], x[1], m, n, k)
    }
  }

  @Test func leadingAxesAreRows() {
    GradientCheck(shapes: [[2, 3, 4], [5, 4]]).run({ $0[0].linear($0[1]) }) { x in
      naiveProduct(x[0], x[1], 6, 5, 4)
    }
    let backend = CPUBackend(threads: 1)
    let y = Tensor(zeros: [2, 3, 4], on: backend).linear(Tensor(zeros: [5, 4], on: backend))
    #expect(y.shape == [2, 3, 5])
  }

  private func frozenMatrix(_ n: Int, _ k: Int) -> (matrix: StoredMatrix, values: [Double]) {
    let backend = CPUBackend(threads: 2)
    let values = noise(n * k, 31)
    let buffer = backend.allocate(byteCount: max(1, n * k) * 4)
    buffer.write(values)
    return (
      StoredMatrix(dense: buffer, rows: n, columns: k, backend: backend), values.map { Double($0) }
    )
  }

  @Test(arguments: sizes, [[], [0], [1]] as [Set<Int>])
  func frozen(size: (Int, Int, Int), frozen: Set<Int>) {
    let (m, n, k) = size
    let (matrix, w) = frozenMatrix(n, k)
    GradientCheck(shapes: [[m, k], [n]], frozen: frozen).run({
      $0[0].linear(matrix, bias: $0[1])
    }) { x in
      biased(naiveProduct(x[0], w, m, n, k), x[1])
    }
  }

  @Test(arguments: sizes) func frozenWithoutBias(size: (Int, Int, Int)) {
    let (m, n, k) = size
    let (matrix, w) = frozenMatrix(n, k)
    GradientCheck(shapes: [[m, k]]).run({ $0[0].linear(matrix) }) { x in
      naiveProduct(x[0], w, m, n, k)
    }
  }

  @Test(arguments: sizes, [1, 4]) func lowRank(size: (Int, Int, Int), rank: Int) {
    let (m, n, k) = size
    let (matrix, w) = frozenMatrix(n, k)
    GradientCheck(shapes: [[m, k], [rank, k], [n, rank]]).run({
      $0[0].loraLinear(matrix, a: $0[1], b: $0[2], scale: 0.75)
    }) { x in
      adapted(x[0], x[0], w, x[1], x[2], (m, n, k, rank), scale: 0.75)
    }
  }

  @Test(arguments: sizes, [[], [0], [3], [0, 3]] as [Set<Int>])
  func lowRankWithBiasAndDropout(size: (Int, Int, Int), frozen: Set<Int>) {
    let (m, n, k) = size
    let (matrix, w) = frozenMatrix(n, k)
    let ones = Tensor(filled: 1, shape: [m, k], on: CPUBackend(threads: 1))
    let mask = ones.dropout(probability: 0.3, seed: 77).floats.map { Double($0) }
    GradientCheck(shapes: [[m, k], [2, k], [n, 2], [n]], frozen: frozen).run({
      $0[0].loraLinear(
        matrix, bias: $0[3], a: $0[1], b: $0[2], scale: -1.5, dropout: (0.3, 77))
    }) { x in
      let dropped = zip(x[0], mask).map { $0 * $1 }
      return biased(adapted(x[0], dropped, w, x[1], x[2], (m, n, k, 2), scale: -1.5), x[3])
    }
  }

  @Test func lowRankWithDropoutZeroIsPlain() {
    let (matrix, w) = frozenMatrix(4, 6)
    GradientCheck(shapes: [[3, 6], [2, 6], [4, 2]]).run({
      $0[0].loraLinear(matrix, a: $0[1], b: $0[2], scale: 2, dropout: (0, 77))
    }) { x in
      adapted(x[0], x[0], w, x[1], x[2], (3, 4, 6, 2), scale: 2)
    }
  }

  @Test(arguments: sizes, [[], [0], [1], [2]] as [Set<Int>])
  func decomposed(size: (Int, Int, Int), frozen: Set<Int>) {
    let (m, n, _) = size
    // A norm of 0 leaves nothing of its column.
    let norms = noise(n, 5, 0.5).enumerated().map { $0 == 1 ? 0 : $1 + 1 }
    GradientCheck(shapes: [[m, n], [n], [n]], frozen: frozen).run({
      $0[0].decomposed(
        magnitude: $0[1], norms: Tensor(norms, shape: [n], on: CPUBackend(threads: 1)),
        bias: $0[2])
    }) { x in
      biased(
        x[0].indices.map {
          let norm = Double(norms[$0 % n])
          return norm > 0 ? x[0][$0] * x[1][$0 % n] / norm : 0
        }, x[2])
    }
  }

  @Test(arguments: sizes, [1, 4]) func adaptedNorms(size: (Int, Int, Int), rank: Int) {
    let (_, n, k) = size
    let (matrix, w) = frozenMatrix(n, k)
    let (a, b) = (noise(rank * k, 71), noise(n * rank, 72))
    let squares = (0..<n).map { row in
      (0..<k).reduce(0.0) { $0 + w[row * k + $1] * w[row * k + $1] }
    }
    let norms = adaptedRowNorms(
      matrix, squaredNorms: squares, a: Tensor(a, shape: [rank, k], on: matrix.backend),
      b: Tensor(b, shape: [n, rank], on: matrix.backend), scale: 1.5
    ).floats
    for row in 0..<n {
      let square = (0..<k).reduce(0.0) { sum, column in
        let added = (0..<rank).reduce(0.0) {
          $0 + Double(b[row * rank + $1]) * Double(a[$1 * k + column])
        }
        let value = w[row * k + column] + 1.5 * added
        return sum + value * value
      }
      #expect(abs(Double(norms[row]) - square.squareRoot()) < 1e-4 * (1 + square.squareRoot()))
    }
  }

  /// x Wᵀ + scale · (x' Aᵀ) Bᵀ.
  private func adapted(
    _ x: [Double], _ dropped: [Double], _ w: [Double], _ a: [Double], _ b: [Double],
    _ size: (m: Int, n: Int, k: Int, rank: Int), scale: Double
  ) -> [Double] {
    let reduced = naiveProduct(dropped, a, size.m, size.rank, size.k)
    return zip(
      naiveProduct(x, w, size.m, size.n, size.k),
      naiveProduct(reduced, b, size.m, size.n, size.rank)
    ).map { $0 + scale * $1 }
  }
}
