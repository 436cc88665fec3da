import HalterBackend
import Testing

/// Products that round their factors to bf16: equal to the exact product of the rounded factors,
/// whatever instructions compute it.
@Suite struct BF16ProductTests {
  private static let sizes = [(m: 5, rows: 33, columns: 67), (31, 70, 129), (90, 66, 192)]

  /// To the nearest, ties to even.
  private func rounded(_ x: Float) -> Double {
    let bits = x.bitPattern
    return Double(Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000))
  }

  @Test(arguments: CPUConformanceTests.sets, [ElementFormat.f32, .nf4])
  func factorsAreRounded(set: InstructionSet, format: ElementFormat) {
    for (m, rows, columns) in Self.sizes {
      let numbers = StoredNumbers(format, rows: rows, columns: columns)
      let w = numbers.values.map { rounded(Float($0)) }
      for transposed in [false, true] {
        let (n, k) = transposed ? (columns, rows) : (rows, columns)
        let x = noise(m * k, 51, 1)
        let backend = CPUBackend(threads: 2, instructionSet: set, compute: .bf16)
        let y = Guarded(m * n, on: backend)
        let (input, weights) = (Elements(filled(x, on: backend)), numbers.weights(on: backend))
        if transposed {
          backend.transposedProduct(
            input, count: m, weights, adding: nil, into: y.elements, accumulate: false)
        } else {
          backend.product(
            input, count: m, weights, adding: nil, into: y.elements, accumulate: false)
        }
        let (factors, results) = (x.map { rounded($0) }, y.values)
        var worst = 0.0
        for row in 0..<m {
          for column in 0..<n {
            let sum = (0..<k).reduce(0.0) { sum, inner in
              let place = transposed ? inner * n + column : column * k + inner
              return sum + factors[row * k + inner] * w[place]
            }
            worst = max(worst, abs(results[row * n + column] - sum))
          }
        }
        #expect(worst < 2e-5, "\(m)×\(rows)×\(columns), transposed: \(transposed)")
      }
    }
  }

  @Test func productsOfFewRowsAreExact() {
    let numbers = StoredNumbers(.f32, rows: 3, columns: 40)
    let x = noise(40, 52, 1)
    let backend = CPUBackend(threads: 1, compute: .bf16)
    let y = Guarded(3, on: backend)
    backend.product(
      Elements(filled(x, on: backend)), count: 1, numbers.weights(on: backend), adding: nil,
      into: y.elements,
      accumulate: false)
    for row in 0..<3 {
      let sum = (0..<40).reduce(0.0) { $0 + Double(x[$1]) * numbers.value(row: row, column: $1) }
      #expect(abs(y.values[row] - sum) < 1e-5)
    }
  }

  @Test func threadsChangeNoBit() {
    let numbers = StoredNumbers(.nf4, rows: 130, columns: 192)
    let results = [1, 2, 3].map { threads in
      let backend = CPUBackend(threads: threads, compute: .bf16)
      let y = Guarded(200 * 130, on: backend)
      backend.product(
        Elements(filled(noise(200 * 192, 53, 1), on: backend)), count: 200,
        numbers.weights(on: backend),
        adding: nil, into: y.elements, accumulate: false)
      return y.values
    }
    #expect(results[0] == results[1] && results[0] == results[2])
  }
}
