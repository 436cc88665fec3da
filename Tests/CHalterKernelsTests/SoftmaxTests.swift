import CHalterKernels
import Foundation
import Testing

@Suite struct CausalSoftmaxTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    let rows, cols, visible: Int
    var testDescription: String { "\(rows) x \(cols), \(visible) visible" }
  }

  static let shapes =
    sizes.map { Shape(rows: 5, cols: $0, visible: max(0, $0 - 4)) } + [
      Shape(rows: 0, cols: 8, visible: 1), Shape(rows: 3, cols: 40, visible: 0),
      Shape(rows: 7, cols: 5, visible: 0), Shape(rows: 2, cols: 9, visible: 1000),
      Shape(rows: 20, cols: 19, visible: 1), Shape(rows: 2, cols: 5000, visible: 4099),
      Shape(rows: 2, cols: 6, visible: Int.max - 1),
    ]

  func seen(_ shape: Shape, _ row: Int) -> Int {
    shape.visible > shape.cols ? shape.cols : min(shape.cols, shape.visible + row)
  }

  @Test(arguments: KernelTable.available, shapes)
  func forwardMatchesDouble(_ table: KernelTable, _ shape: Shape) throws {
    var noise = Noise(shape.cols)
    let ld = shape.cols + 3
    let start = noise.floats(shape.rows * ld, in: -60...60)
    var (scores, lse) = (output(shape.rows * ld, start), output(shape.rows))
    try table.kernels().causal_softmax(
      shape.rows, shape.cols, shape.visible, 0.125, &scores, ld, &lse)
    var expected = start.map(Double.init)
    var expectedLSE: [Double] = []
    for row in 0..<shape.rows {
      let z = (0..<seen(shape, row)).map { 0.125 * Double(start[row * ld + $0]) }
      let largest = z.max() ?? 0
      let total = largest + log(z.reduce(0) { $0 + exp($1 - largest) })
      expectedLSE.append(z.isEmpty ? -.infinity : total)
      for column in 0..<shape.cols {
        expected[row * ld + column] = column < z.count ? exp(z[column] - total) : 0
      }
    }
    expectClose(scores, expected, relative: 2e-6)
    expectClose(lse, expectedLSE, relative: 2e-7, absolute: 2e-7)
  }

  @Test(arguments: KernelTable.available, shapes)
  func backwardMatchesDouble(_ table: KernelTable, _ shape: Shape) throws {
    var noise = Noise(shape.cols)
    let ld = shape.cols + 2
    let start = noise.floats(shape.rows * ld, in: -30...30)
    let upstream = noise.floats(shape.rows * ld)
    let lse = noise.floats(shape.rows, in: 4...6)
    let delta = noise.floats(shape.rows)
    var scores = output(shape.rows * ld, start)
    var dp = output(shape.rows * ld, upstream)
    try table.kernels().causal_softmax_backward(
      shape.rows, shape.cols, shape.visible, 0.2, lse, delta, &scores, &dp, ld)
    var expected = start.map(Double.init)
    var expectedDP = upstream.map(Double.init)
    for row in 0..<shape.rows {
      for column in 0..<shape.cols {
        let i = row * ld + column
        let visible = column < seen(shape, row)
        let p = exp(Double(Float(0.2)) * Double(start[i]) - Double(lse[row]))
        expected[i] = visible ? p : 0
        expectedDP[i] =
          visible ? Double(Float(0.2)) * p * (Double(upstream[i]) - Double(delta[row])) : 0
      }
    }
    expectClose(scores, expected, relative: 2e-6)
    expectClose(dp, expectedDP, relative: 4e-6, absolute: 1e-7)
  }

  @Test(arguments: KernelTable.available)
  func rowThatSeesNothingIsZero(_ table: KernelTable) throws {
    var scores: [Float] = [.nan, 3, .infinity, 1, 2, 3]
    var lse: [Float] = [7, 7]
    try table.kernels().causal_softmax(2, 3, 0, 1, &scores, 3, &lse)
    #expect(scores == [0, 0, 0, 1, 0, 0])
    #expect(lse == [-.infinity, 1])
  }

  @Test(arguments: KernelTable.available)
  func largeScoresDoNotOverflow(_ table: KernelTable) throws {
    var scores = [Float](repeating: 3e38, count: 20)
    var lse: [Float] = [0]
    try table.kernels().causal_softmax(1, 20, 20, 1, &scores, 20, &lse)
    #expect(scores.allSatisfy { abs($0 - 0.05) < 1e-7 })
    #expect(lse[0] == 3e38)
  }

  @Test(arguments: KernelTable.available)
  func maskedScoresAreZeroAndNaNSpreads(_ table: KernelTable) throws {
    let kernels = try table.kernels()
    var scores: [Float] = [-.infinity, 0, -.infinity, 0, -.infinity]
    var lse: [Float] = [0]
    kernels.causal_softmax(1, 5, 5, 1, &scores, 5, &lse)
    #expect(scores == [0, 0.5, 0, 0.5, 0])
    scores[2] = .nan
    kernels.causal_softmax(1, 5, 5, 1, &scores, 5, &lse)
    #expect(scores.allSatisfy { $0.isNaN })
    #expect(lse[0].isNaN)
  }
}

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

  /// One row of the softmax kernel over exponents that spread all of exp's range.
  @Test(arguments: KernelTable.available)
  func exponentialIsAccurateOverItsRange(_ table: KernelTable) throws {
    let kernels = try table.kernels()
    let z = (0..<20_000).map { Float(-110 + 0.01 * Double($0)) }
    let zeros = [Float](repeating: 0, count: 20_000)
    var (p, dp) = (output(20_000, z), output(20_000, zeros))
    kernels.causal_softmax_backward(1, 20_000, 20_000, 1, [0], [0], &p, &dp, 20_000)
    // 1.2e-7 is one unit in the last place of a float just above a power of two; subnormals have
    // an absolute place of 1.4e-45.
    expectClose(
      p, z.map { $0 > 88.722_84 ? .infinity : exp(Double($0)) }, relative: 1.3e-7, absolute: 1.5e-45
    )
    for special in [Float.infinity, -.infinity, .nan, 1e30, -1e30] {
      var (one, zero): ([Float], [Float]) = ([special], [0])
      kernels.causal_softmax_backward(1, 1, 1, 1, [0], [0], &one, &zero, 1)
      #expect(sameBits(one, [special.isNaN ? .nan : special > 0 ? .infinity : 0]))
    }
  }
}
