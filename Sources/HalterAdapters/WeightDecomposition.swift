import HalterBackend
import HalterNN
import HalterTensor

/// The magnitudes that DoRA trains beside the factors of an adapter (Liu et al. 2024): row i of the
/// adapted matrix is mᵢ · (W + s B A)ᵢ / ‖(W + s B A)ᵢ‖.
final class WeightDecomposition {
  /// The magnitudes m, `[outputs]`.
  let magnitude: Parameter
  /// ‖Wᵢ‖² of the frozen rows, which never change.
  private let squaredNorms: [Double]
  /// The norms as of the sequence that is being generated: no weight changes inside one.
  private var generating: (cache: WeakCache, norms: Tensor)?

  private struct WeakCache {
    weak var value: KeyValueCache?
  }

  /// Magnitudes for a matrix with its factors.
  /// - Parameter magnitude: the values; the norms of the rows, which change nothing, when nil.
  init(_ matrix: any FrozenMatrix, a: Tensor, b: Tensor, scaling: Float, magnitude: [Float]?) {
    squaredNorms = Self.squaredNorms(of: matrix)
    let start =
      magnitude.map { Tensor($0, shape: [matrix.rows], on: matrix.backend) }
      ?? adaptedRowNorms(matrix, squaredNorms: squaredNorms, a: a, b: b, scale: scaling)
    self.magnitude = Parameter(start, trainable: true)
  }

  /// The norms of the rows of W + s B A.
  /// - Parameter cache: that of the sequence that is being generated, nil in training.
  func norms(
    _ matrix: any FrozenMatrix, a: Tensor, b: Tensor, scaling: Float, cache: KeyValueCache?
  ) -> Tensor {
    if let cache, let generating, generating.cache.value === cache { return generating.norms }
    let norms = adaptedRowNorms(matrix, squaredNorms: squaredNorms, a: a, b: b, scale: scaling)
    generating = cache.map { (WeakCache(value: $0), norms) }
    return norms
  }

  /// Brings rows of W + s B A, f32, to their magnitudes in place.
  func rescale(_ rows: Buffer, _ range: Range<Int>, columns: Int) {
    let backend = magnitude.value.backend
    let magnitudes = magnitude.value.storage.read(
      Float.self, count: range.count, at: range.lowerBound)
    for (index, magnitude) in magnitudes.enumerated() {
      let row = rows.slice(byteOffset: index * columns * 4, byteCount: columns * 4)
      let norm = Float(backend.sumOfSquares(row, count: columns).squareRoot())
      backend.scale(row, by: norm > 0 ? magnitude / norm : 0, into: row, count: columns)
    }
  }

  /// ‖Wᵢ‖² of all rows, a strip of rows at a time.
  private static func squaredNorms(of matrix: any FrozenMatrix) -> [Double] {
    let (rows, columns) = (matrix.rows, matrix.columns)
    let strip = max(1, 1 << 20 / max(1, columns))
    return stride(from: 0, to: rows, by: strip).flatMap { first in
      let range = first..<min(rows, first + strip)
      let values = matrix.denseRows(range)
      return range.map { row in
        let slice = values.slice(
          byteOffset: (row - first) * columns * 4, byteCount: columns * 4)
        return matrix.backend.sumOfSquares(slice, count: columns)
      }
    }
  }
}
