import HalterBackend

extension BackendConformance {
  /// Matrices of every format: one block of a row and several, and odd sizes where the format has
  /// them; codes in blocks that cross rows.
  private static var matrices: [StoredNumbers] {
    ElementFormat.allCases.flatMap { format -> [StoredNumbers] in
      switch format.blockSize {
      case 1:
        [(1, 1, 64), (5, 67, 32), (70, 33, 128), (66, 192, 64)].map {
          StoredNumbers(format, rows: $0, columns: $1, block: $2)
        }
      case 32: [(1, 32), (3, 96), (70, 160)].map { StoredNumbers(format, rows: $0, columns: $1) }
      default: [(1, 256), (67, 512)].map { StoredNumbers(format, rows: $0, columns: $1) }
      }
    }
  }

  static var decodeCases: [Case] {
    ElementFormat.allCases.filter { !$0.hasSeparateScales }.flatMap { format in
      // Rows of 1 and 3 blocks; the last is split over threads. An odd address, and an order.
      [(0, 1), (1, 1), (5, 3), (260, 4)].flatMap { rows, blocks in
        [0, 1].flatMap { offset in
          [false, true].map { reordered in
            let columns = blocks * max(32, format.blockSize)
            return decode(
              StoredNumbers(format, rows: rows, columns: columns), offset: offset,
              reordered: reordered)
          }
        }
      }
    }
  }

  private static func decode(_ numbers: StoredNumbers, offset: Int, reordered: Bool) -> Case {
    let (rows, columns, format) = (numbers.rows, numbers.columns, numbers.format)
    let bytes = [UInt8](repeating: 0xFF, count: offset) + numbers.bytes
    let order = reordered ? (0..<rows).map { ($0 * 3 + 2) % max(1, rows) } : nil
    let name = "\(format) [\(rows), \(columns)] at \(offset)\(reordered ? ", reordered" : "")"
    return Case(name: name) { backend in
      let y = Guarded(rows * columns, on: backend)
      backend.decode(
        bytes.span.bytes.extracting(droppingFirst: offset), format: format, rows: rows,
        columns: columns, rowOrder: order, into: y.buffer)
      return [y.values]
    } expected: {
      [
        (0..<rows).flatMap { row in
          (0..<columns).map { numbers.value(row: order?[row] ?? row, column: $0) }
        }
      ]
    }
  }

  /// Stored rows kept in their format, in another order; read back by decoding.
  static var storeCases: [Case] {
    ElementFormat.allCases.filter { !$0.hasSeparateScales }.flatMap { format in
      [(1, 1), (5, 3), (130, 2)].map { rows, blocks in
        let columns = blocks * max(32, format.blockSize)
        let numbers = StoredNumbers(format, rows: rows, columns: columns)
        let order = (0..<rows).map { ($0 * 3 + 2) % rows }
        return Case(name: "\(format) [\(rows), \(columns)]") { backend in
          let y = Guarded(rows * columns, on: backend)
          let stored = backend.store(
            numbers.bytes.span.bytes, format: format, rows: rows, columns: columns,
            rowOrder: order, quantization: nil)
          if let stored { backend.decodeRows(0..<rows, of: stored, into: y.buffer) }
          return [y.values]
        } expected: {
          [order.flatMap { row in (0..<columns).map { numbers.value(row: row, column: $0) } }]
        }
      }
    }
  }

  static var gatherStoredRowsCases: [Case] {
    matrices.map { numbers in
      let ids = (0..<7).map { Int32($0 * 5 % numbers.rows) }
      return Case(name: "\(numbers.format) of \(numbers.rows)×\(numbers.columns)") { backend in
        let y = Guarded(ids.count * numbers.columns, on: backend)
        backend.gatherRows(
          of: numbers.weights(on: backend), ids: filled(ids, on: backend), into: y.buffer,
          count: ids.count)
        return [y.values]
      } expected: {
        [
          ids.flatMap { id in
            (0..<numbers.columns).map { numbers.value(row: Int(id), column: $0) }
          }
        ]
      }
    }
  }

  static var decodeRowsCases: [Case] {
    matrices.map { numbers in
      let range = numbers.rows / 3..<numbers.rows
      return Case(name: "\(numbers.format) of \(numbers.rows)×\(numbers.columns)") { backend in
        let y = Guarded(range.count * numbers.columns, on: backend)
        backend.decodeRows(range, of: numbers.weights(on: backend), into: y.buffer)
        return [y.values]
      } expected: {
        [Array(numbers.values[(range.lowerBound * numbers.columns)...])]
      }
    }
  }

  static var storedProductCases: [Case] { storedProducts(transposed: false) }
  static var storedTransposedProductCases: [Case] { storedProducts(transposed: true) }

  /// Few rows, which are dot products; one tile; several with a rest; with and without a term of
  /// low rank.
  private static func storedProducts(transposed: Bool) -> [Case] {
    let sizes = [(m: 0, rank: 0), (1, 0), (4, 3), (5, 0), (31, 16), (90, 1)]
    return matrices.flatMap { numbers in
      let product = NaiveStoredProduct(numbers, transposed: transposed)
      return sizes.map { m, rank in
        storedProduct(product, m: m, rank: rank, accumulates: m % 2 == 0)
      }
    }
  }

  private static func storedProduct(
    _ product: NaiveStoredProduct, m: Int, rank: Int, accumulates: Bool
  ) -> Case {
    let (numbers, n, k) = (product.numbers, product.n, product.k)
    let (x, start) = (noise(m * k, 45, 1), noise(m * n, 46, 1))
    let (reduced, factor) = (noise(m * rank, 47, 1), noise(n * rank, 48, 1))
    let shape = "\(numbers.format) [\(numbers.rows), \(numbers.columns)]"
    // A sum of k products is off by at most about k units in the last place of the largest.
    let absolute = (1e-6 + 6e-8 * Double(k)) * max(1, product.largest)
    return Case(name: "\(m) rows, \(shape), rank \(rank)", absolute: absolute) { backend in
      let y = Guarded(m * n, initial: accumulates ? start : nil, on: backend)
      let term =
        rank == 0
        ? nil
        : LowRankTerm(
          reduced: filled(reduced, on: backend), factor: filled(factor, on: backend), rank: rank)
      let (x, weights) = (Elements(filled(x, on: backend)), numbers.weights(on: backend))
      if product.transposed {
        backend.transposedProduct(
          x, count: m, weights, adding: term, into: y.elements, accumulate: accumulates)
      } else {
        backend.product(
          x, count: m, weights, adding: term, into: y.elements, accumulate: accumulates)
      }
      return [y.values]
    } expected: {
      let sums = product.sums(x, m: m)
      return [
        (0..<m * n).map { index in
          let (row, column) = (index / n, index % n)
          let low = (0..<rank).reduce(0.0) { sum, r in
            let place = product.transposed ? r * n + column : column * rank + r
            return sum + Double(reduced[row * rank + r]) * Double(factor[place])
          }
          return sums[index] + low + (accumulates ? Double(start[index]) : 0)
        }
      ]
    }
  }
}

/// The product with a stored matrix, in double precision; its elements are computed once.
private final class NaiveStoredProduct {
  let numbers: StoredNumbers
  let transposed: Bool
  let n: Int
  let k: Int
  private lazy var values = numbers.values

  init(_ numbers: StoredNumbers, transposed: Bool) {
    self.numbers = numbers
    self.transposed = transposed
    (n, k) = transposed ? (numbers.columns, numbers.rows) : (numbers.rows, numbers.columns)
  }

  lazy var largest: Double = values.reduce(0) { max($0, abs($1)) }

  func sums(_ x: [Float], m: Int) -> [Double] {
    var sums = [Double](repeating: 0, count: m * n)
    for row in 0..<m {
      for inner in 0..<k {
        let factor = Double(x[row * k + inner])
        let (start, step) = transposed ? (inner * n, 1) : (inner, k)
        for column in 0..<n { sums[row * n + column] += factor * values[start + column * step] }
      }
    }
    return sums
  }
}
