import HalterBackend
import HalterRandom

extension BackendConformance {
  /// Pairs of sizes from {0, 1, 2, 3, 5, 17, 64, 65, 129, 513, 1025}: each as m, as n and as k.
  private static let products = [
    (0, 3, 5), (3, 0, 5), (3, 5, 0), (1, 1, 1), (1, 2, 3), (2, 1, 1), (3, 5, 2), (5, 17, 3),
    (17, 3, 64), (1, 129, 65), (64, 64, 17), (65, 2, 1025), (129, 65, 129), (513, 17, 65),
    (1025, 64, 5), (2, 1025, 129), (1025, 5, 65), (1, 1025, 513), (65, 513, 64), (1026, 64, 17),
  ]

  static var matmulCases: [Case] {
    products.flatMap { m, n, k in
      let product = NaiveProduct(m: m, n: n, k: k)
      return [(false, false), (false, true), (true, false), (true, true)].flatMap { ta, tb in
        [(Float(1), false), (-0.5, true)].map { alpha, accumulates in
          matmul(product, ta, tb, alpha, accumulates)
        }
      }
    }
  }

  /// The inputs lie in [-1, 1); a sum of k products is off by at most about k units of 2^-24.
  private static func matmul(
    _ product: NaiveProduct, _ ta: Bool, _ tb: Bool, _ alpha: Float, _ accumulates: Bool
  ) -> Case {
    let (m, n, k) = (product.m, product.n, product.k)
    let a = ta ? NaiveProduct.transposed(product.a, rows: m, columns: k) : product.a
    let b = tb ? NaiveProduct.transposed(product.b, rows: k, columns: n) : product.b
    let start = noise(m * n, 43, 1)
    let name = "\(m)×\(n)×\(k) \(ta ? "T" : "N")\(tb ? "T" : "N") \(alpha) \(accumulates)"
    return Case(name: name, absolute: 1e-6 + 6e-8 * Double(k)) { backend in
      let c = Guarded(m * n, initial: accumulates ? start : nil, on: backend)
      backend.matmul(
        Elements(filled(a, on: backend)), transposed: ta, Elements(filled(b, on: backend)),
        transposed: tb, into: c.elements, m: m, n: n, k: k, alpha: alpha, accumulate: accumulates,
        compute: .f32)
      return [c.values]
    } expected: {
      [
        zip(product.sums, start).map {
          (accumulates ? Double($0.1) : 0) + Double(alpha) * $0.0
        }
      ]
    }
  }
}

/// A product of two row-major matrices, summed once however often it is asked for.
private final class NaiveProduct {
  let (m, n, k): (Int, Int, Int)
  let a: [Float]
  let b: [Float]

  init(m: Int, n: Int, k: Int) {
    (self.m, self.n, self.k) = (m, n, k)
    (a, b) = (noise(m * k, 41, 1), noise(k * n, 42, 1))
  }

  lazy var sums: [Double] = {
    var sums = [Double](repeating: 0, count: m * n)
    for row in 0..<m {
      for inner in 0..<k {
        let factor = Double(a[row * k + inner])
        for column in 0..<n { sums[row * n + column] += factor * Double(b[inner * n + column]) }
      }
    }
    return sums
  }()

  static func transposed(_ x: [Float], rows: Int, columns: Int) -> [Float] {
    (0..<columns).flatMap { column in (0..<rows).map { x[$0 * columns + column] } }
  }
}
