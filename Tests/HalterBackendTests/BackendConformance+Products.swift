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
        filled(a, on: backend), transposed: ta, filled(b, on: backend), transposed: tb,
        into: c.buffer, m: m, n: n, k: k, alpha: alpha, accumulate: accumulates)
      return [c.values]
    } expected: {
      [
        zip(product.sums, start).map {
          (accumulates ? Double($0.1) : 0) + Double(alpha) * $0.0
        }
      ]
    }
  }

  static var decodeCases: [Case] {
    ElementFormat.allCases.flatMap { format in
      // Rows of 1 and 3 blocks; the last is split over threads. An odd address, and an order.
      [(0, 1), (1, 1), (5, 3), (260, 4)].flatMap { rows, blocks in
        [0, 1].flatMap { offset in
          [false, true].map { reordered in
            stored(format, rows: rows, columns: blocks * 32, offset: offset, reordered: reordered)
          }
        }
      }
    }
  }

  private static func stored(
    _ format: ElementFormat, rows: Int, columns: Int, offset: Int, reordered: Bool
  ) -> Case {
    let rowBytes = columns / format.blockSize * format.bytesPerBlock
    let bytes = storedBytes(format, count: offset + rows * rowBytes, offset: offset)
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
          (0..<columns).map { column in
            StoredNumbers(bytes: bytes, format: format).value(
              at: column, from: offset + (order?[row] ?? row) * rowBytes)
          }
        }
      ]
    }
  }

  /// Random bytes, with the scales of blocks made finite.
  private static func storedBytes(_ format: ElementFormat, count: Int, offset: Int) -> [UInt8] {
    var stream = RandomStream(seed: 44)
    var bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: stream.next()) }
    if format.blockSize > 1 {
      for block in stride(from: offset, to: count, by: format.bytesPerBlock) {
        bytes[block + 1] &= 0xBB
        if format == .q4_1 { bytes[block + 3] &= 0xBB }
      }
    }
    return bytes
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

/// Stored weights read one element at a time, by the definition of their format.
struct StoredNumbers {
  let bytes: [UInt8]
  let format: ElementFormat

  private func word(_ at: Int) -> UInt16 { UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8 }

  private func half(_ at: Int) -> Double {
    let bits = word(at)
    let (sign, mantissa) = (bits >> 15 == 0 ? 1.0 : -1.0, Double(bits & 0x3FF))
    switch bits >> 10 & 0x1F {
    case 0: return sign * mantissa * 0x1p-24
    case 31: return mantissa == 0 ? sign * .infinity : .nan
    case let exponent:
      return Double(
        sign: .plus, exponent: Int(exponent) - 15, significand: sign + sign * mantissa / 1024)
    }
  }

  /// The element at a column of the row that starts at a byte.
  func value(at column: Int, from start: Int) -> Double {
    let block = start + column / format.blockSize * format.bytesPerBlock
    let inside = column % format.blockSize
    switch format {
    case .f32:
      return Double(
        Float(bitPattern: UInt32(word(block)) | UInt32(word(block + 2)) << 16))
    case .bf16: return Double(Float(bitPattern: UInt32(word(block)) << 16))
    case .f16: return half(block)
    case .q8_0: return half(block) * Double(Int8(bitPattern: bytes[block + 2 + inside]))
    case .q4_0: return half(block) * (nibble(block + 2, inside) - 8)
    case .q4_1: return Double(Float(half(block) * nibble(block + 4, inside) + half(block + 2)))
    }
  }

  /// Of 16 bytes the low halves come first, then the high halves.
  private func nibble(_ start: Int, _ index: Int) -> Double {
    let byte = bytes[start + index % 16]
    return Double(index < 16 ? byte & 15 : byte >> 4)
  }
}
