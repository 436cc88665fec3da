import HalterBackend
import Testing

/// The loss with factors rounded to bf16, whatever instructions compute it.
@Suite struct BF16LossTests {
  private struct Result: Equatable {
    var logprobs: [Double]
    var gradient: [Double]
  }

  private func loss(
    _ backend: CPUBackend, _ format: ElementFormat, rows: Int, vocabulary: Int, columns: Int
  ) -> Result {
    let head = StoredNumbers(format, rows: vocabulary, columns: columns)
    let logprobs = Guarded(rows, on: backend)
    let gradient = Guarded(rows * columns, on: backend)
    backend.linearCrossEntropy(
      filled(noise(rows * columns, 91, 0.5), on: backend), count: rows,
      head: head.weights(on: backend),
      labels: filled((0..<rows).map { Int32($0 * 17 % vocabulary) }, on: backend),
      weights: filled((0..<rows).map { Float($0 % 4) / 4 }, on: backend),
      logprobs: logprobs.buffer, dHidden: gradient.buffer)
    return Result(logprobs: logprobs.values, gradient: gradient.values)
  }

  /// The norm of the difference over the norm of the second.
  private func distance(_ a: [Double], _ b: [Double]) -> Double {
    let difference = zip(a, b).reduce(0.0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (difference / b.reduce(0.0) { $0 + $1 * $1 }).squareRoot()
  }

  /// A vocabulary and rows that are no multiples of anything; one row; several slabs.
  @Test(
    arguments: CPUConformanceTests.sets,
    [(50, 333, 67), (1, 1000, 192), (7, 17_001, 65)] as [(Int, Int, Int)])
  func isWithinAHundredthOfF32(set: InstructionSet, size: (Int, Int, Int)) {
    for format in [ElementFormat.f32, .nf4] {
      let (rows, vocabulary, columns) = size
      let (rounded, exact) = (
        loss(
          CPUBackend(threads: 2, instructionSet: set, compute: .bf16), format, rows: rows,
          vocabulary: vocabulary, columns: columns),
        loss(
          CPUBackend(threads: 2, instructionSet: set), format, rows: rows, vocabulary: vocabulary,
          columns: columns)
      )
      // The guards behind the results would hide what differs.
      let (a, b) = (rounded.gradient.dropLast(5), exact.gradient.dropLast(5))
      if b.contains(where: { $0 != 0 }) {
        #expect(distance(Array(a), Array(b)) < 1e-2, "\(format) \(size)")
        #expect(a != b, "nothing was rounded")
      }
      let (c, d) = (rounded.logprobs.dropLast(5), exact.logprobs.dropLast(5))
      #expect(distance(Array(c), Array(d)) < 1e-2, "\(format) \(size)")
      #expect(rounded.gradient.suffix(5) == exact.gradient.suffix(5))
    }
  }

  @Test func threadsChangeNoBit() {
    let results = [1, 2, 3].map { threads in
      loss(
        CPUBackend(threads: threads, compute: .bf16), .q8_0, rows: 90, vocabulary: 3000,
        columns: 96)
    }
    #expect(results[0] == results[1] && results[0] == results[2])
  }
}
