import HalterBackend
import Testing

/// Scales that are quantised themselves, restored for each use.
@Suite struct DoubleQuantisationTests {
  @Test(arguments: CPUConformanceTests.sets)
  func scalesAreRestored(set: InstructionSet) {
    let backend = CPUBackend(threads: 2, instructionSet: set)
    let codes: [UInt8] = (0..<300).map { UInt8($0 * 7 % 256) }
    let map = noise(256, 61, 1)
    let nested: [Float] = [0.5, 2]
    var numbers = StoredNumbers(.nf4, rows: 100, columns: 192)
    numbers.scales = codes.indices.map { map[Int(codes[$0])] * nested[$0 / 256] + 0.75 }
    let weights = StoredWeights(
      format: .nf4, rows: 100, columns: 192, values: filled(numbers.bytes, on: backend),
      scales: .quantized(
        .init(
          codes: filled(codes, on: backend), map: filled(map, on: backend),
          nested: filled(nested, on: backend), block: 256, offset: 0.75)))
    let y = Guarded(100 * 192, on: backend)
    backend.decodeRows(0..<100, of: weights, into: y.buffer)
    #expect(y.values == numbers.values + Guarded.tail)
    #expect(weights.summary == "nf4, blocks of 64, double quantised")
    // Codes, a byte for each block, and what stands once.
    #expect(weights.byteCount == 100 * 192 / 2 + 300 + 2 * 4)
  }
}
