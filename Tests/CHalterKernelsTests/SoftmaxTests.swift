import CHalterKernels
import Foundation
import Testing

@Suite struct CrossEntropyTests {
  static let vocabularies = sizes.dropFirst() + [1024, 1025, 5000, 49152]

  func reference(_ row: ArraySlice<Float>, _ label: Int) -> (logprob: Double, softmax: [Double]) {
    let largest = Double(row.max() ?? 0)
    let sum = row.reduce(0) { $0 + exp(Double($1) - largest) }
    return (
      Double(row[row.startIndex + label]) - largest - log(sum),
      row.map { exp(Double($0) - largest) / sum }
    )
  }

  @Test(arguments: KernelTable.available, vocabularies)
  func matchesDouble(_ table: KernelTable, _ vocabulary: Int) throws {
    var noise = Noise(vocabulary)
    let kernels = try table.kernels()
    let (rows, ld) = (3, vocabulary + 2)
    let start = noise.floats(rows * ld, in: -12...12)
    let labels = [0, vocabulary - 1, vocabulary / 2].map(Int32.init)
    let weights: [Float] = [1, 0.25, -3]
    var expected = start.map(Double.init)
    var expectedLogprobs: [Double] = []
    for row in 0..<rows {
      let label = Int(labels[row])
      let (logprob, softmax) = reference(start[row * ld..<row * ld + vocabulary], label)
      expectedLogprobs.append(logprob)
      for (column, p) in softmax.enumerated() {
        expected[row * ld + column] = Double(weights[row]) * (p - (column == label ? 1 : 0))
      }
    }
    var (logits, logprobs) = (output(rows * ld, start), output(rows))
    kernels.cross_entropy(rows, vocabulary, labels, nil, &logits, ld, &logprobs)
    expectClose(logprobs, expectedLogprobs, relative: 2e-7, absolute: 2e-7)
    #expect(Array(logits[..<start.count]) == start)
    var again = output(rows)
    kernels.cross_entropy(rows, vocabulary, labels, weights, &logits, ld, &again)
    #expect(again == logprobs)
    expectClose(logits, expected, relative: 2e-6, absolute: 3e-7)
  }

  /// A logit that rises through the row makes every block rescale the sum so far.
  @Test(arguments: KernelTable.available, [Float(0.001), -0.001])
  func risingAndFallingLogits(_ table: KernelTable, _ slope: Float) throws {
    var logits = (0..<20_000).map { slope * Float($0) }
    let (logprob, _) = reference(logits[...], 77)
    var logprobs = output(1)
    try table.kernels().cross_entropy(1, 20_000, [77], nil, &logits, 20_000, &logprobs)
    expectClose(logprobs, [logprob], relative: 3e-7)
  }

  @Test(arguments: KernelTable.available)
  func hugeLogitsDoNotOverflow(_ table: KernelTable) throws {
    var logits = [Float](repeating: -3e38, count: 3000)
    logits[2500] = 3e38
    var logprobs: [Float] = [0]
    try table.kernels().cross_entropy(1, 3000, [2500], [1], &logits, 3000, &logprobs)
    #expect(logprobs == [0])
    #expect(logits.allSatisfy { $0 == 0 })
  }

  @Test(arguments: KernelTable.available)
  func maskedLogitsHaveNoShare(_ table: KernelTable) throws {
    var logits = [Float](repeating: -.infinity, count: 2500)
    logits[2048] = 1
    logits[2049] = 1
    var logprobs: [Float] = [0]
    try table.kernels().cross_entropy(1, 2500, [2049], [1], &logits, 2500, &logprobs)
    #expect(abs(logprobs[0] + Float(log(2.0))) < 1e-7)
    #expect(logits[0] == 0 && logits[2048] == 0.5 && logits[2049] == -0.5)
  }

  @Test(arguments: KernelTable.available, [0, 500, 999, 1023, 2047])
  func oneNaNMakesTheRowNaN(_ table: KernelTable, _ place: Int) throws {
    var logits = [Float](repeating: 1, count: 2 * 2048)
    logits[place] = .nan
    var logprobs: [Float] = [0, 0]
    try table.kernels().cross_entropy(2, 2048, [3, 3], [1, 1], &logits, 2048, &logprobs)
    #expect(logprobs[0].isNaN && !logprobs[1].isNaN)
    #expect(logits[..<2048].allSatisfy { $0.isNaN })
    #expect(!logits[2048...].contains { $0.isNaN })
  }

  @Test(arguments: KernelTable.available)
  func infiniteAndEmptyRowsAreNaN(_ table: KernelTable) throws {
    let kernels = try table.kernels()
    var logprobs: [Float] = [0]
    var logits: [Float] = [0, .infinity, 0]
    kernels.cross_entropy(1, 3, [1], nil, &logits, 3, &logprobs)
    #expect(logprobs[0].isNaN)
    logits = [-.infinity, -.infinity, -.infinity]
    kernels.cross_entropy(1, 3, [1], nil, &logits, 3, &logprobs)
    #expect(logprobs[0].isNaN)
  }

  /// The exponential, over all exponents up to 0: rows of two logits, whose gradients say
  /// exp(z) / (1 + exp(z)). Subnormals have an absolute place of 1.4e-45.
  @Test(arguments: KernelTable.available)
  func exponentialIsAccurateOverItsRange(_ table: KernelTable) throws {
    let z = (0...11_000).map { Float(-110 + 0.01 * Double($0)) }
    var logits: [Float] = z.flatMap { (x: Float) -> [Float] in [0, x] }
    var logprobs = output(z.count)
    try table.kernels().cross_entropy(
      z.count, 2, [Int32](repeating: 0, count: z.count),
      [Float](repeating: 1, count: z.count), &logits, 2, &logprobs)
    let found = z.indices.map { logits[2 * $0 + 1] }
    expectClose(
      found + output(0), z.map { 1 / (1 + exp(-Double($0))) }, relative: 2.5e-7, absolute: 3e-45)
    expectClose(logprobs, z.map { -log1p(exp(Double($0))) }, relative: 2e-7, absolute: 1.2e-7)
  }
}
