import HalterBackend

extension BackendConformance {
  /// Matrices of unlike heights and formats for one input; more rows than are taken together; a
  /// matrix that is worth several tasks.
  static var productsCases: [Case] {
    let lists: [(columns: Int, [(ElementFormat, rows: Int)])] = [
      (64, [(.q4_1, 5)]),
      (192, [(.nf4, 33), (.q8_0, 1), (.bf16, 70)]),
      (256, [(.q4_k, 3), (.q5_k, 2), (.q6_k, 7), (.f32, 300)]),
    ]
    return lists.flatMap { columns, parts in
      [0, 1, 2, 5].map { m in
        products(m: m, parts.map { StoredNumbers($0, rows: $1, columns: columns) })
      }
    }
  }

  private static func products(m: Int, _ list: [StoredNumbers]) -> Case {
    let columns = list[0].columns
    let x = noise(m * columns, 71, 1)
    let values = list.map(\.values)
    let largest = values.joined().reduce(1.0) { max($0, abs($1)) }
    let shapes = list.map { "\($0.format) [\($0.rows), \(columns)]" }.joined(separator: ", ")
    return Case(
      name: "\(m) rows, \(shapes)", absolute: (1e-6 + 6e-8 * Double(columns)) * largest
    ) { backend in
      let ys = list.map { Guarded(m * $0.rows, on: backend) }
      backend.products(
        filled(x, on: backend), count: m, list.map { $0.weights(on: backend) },
        into: ys.map(\.buffer))
      return ys.map(\.values)
    } expected: {
      zip(list, values).map { numbers, values in
        (0..<m * numbers.rows).map { index in
          let (row, column) = (index / numbers.rows, index % numbers.rows)
          return (0..<columns).reduce(0.0) {
            $0 + Double(x[row * columns + $1]) * values[column * columns + $1]
          }
        }
      }
    }
  }
}
