import HalterBackend
import HalterFormats
import Testing

/// Blocks of GGUF files against those of the gguf package.
@Suite struct GGUFBlockTests {
  private let backend = CPUBackend(threads: 2)
  private let golden: Golden

  init() throws { golden = try Golden("gguf_blocks/blocks.safetensors") }

  private func encoded(_ format: ElementFormat) throws -> (numbers: [Float], bytes: Buffer) {
    let numbers = try golden.floats("input")
    let x = backend.allocate(byteCount: numbers.count * 4)
    x.write(numbers)
    let y = backend.allocate(byteCount: format.byteCount(of: numbers.count))
    backend.encode(x, count: numbers.count, as: format, into: y)
    return (numbers, y)
  }

  @Test(arguments: [ElementFormat.q4_0, .q4_1, .q5_0, .q5_1, .q8_0])
  func bytesAreThoseOfGGUF(format: ElementFormat) throws {
    let expected = try golden.file.bytes(of: golden.file.require(format.rawValue))
    let bytes = try encoded(format).bytes.read(UInt8.self, count: expected.count)
    #expect(bytes == expected)
  }

  /// There are many right answers in Q4_K: none is off by more than half a step of its run, and
  /// what the six bits of scale and minimum lose.
  @Test func numbersComeBackFromQ4K() throws {
    let (numbers, bytes) = try encoded(.q4_k)
    let decoded = backend.allocate(byteCount: numbers.count * 4)
    backend.decodeRows(
      0..<8, of: StoredWeights(format: .q4_k, rows: 8, columns: 256, values: bytes), into: decoded)
    let found = decoded.read(Float.self, count: numbers.count)
    for start in stride(from: 0, to: numbers.count, by: 32) {
      // Numbers so small have no factor in 16 bits.
      if start / 256 == 2 { continue }
      let run = numbers[start..<start + 32]
      let block = numbers[start / 256 * 256..<start / 256 * 256 + 256]
      let span = max(run.max() ?? 0, 0) - min(run.min() ?? 0, 0)
      let reach = block.reduce(0) { max($0, abs($1)) }
      for index in run.indices {
        #expect(abs(found[index] - numbers[index]) <= span / 30 + reach / 32)
      }
    }
    #expect(found[256..<512].allSatisfy { $0 == 0 })
  }
}
