import HalterBackend
import Testing

/// Arguments that would make a kernel leave its memory stop the program instead.
@Suite struct ArgumentTests {
  @Test func aPositionOutsideTheRotaryTables() async {
    await #expect(processExitsWith: .failure) {
      let backend = CPUBackend(threads: 1)
      let table = filled([Float](repeating: 1, count: 6), on: backend)
      backend.rope(
        Elements(filled([Float](repeating: 1, count: 4), on: backend)), rows: 1, heads: 1,
        headDim: 4,
        positions: filled([Int32(3)], on: backend), cosines: table, sines: table, sign: 1)
    }
  }

  @Test func aNegativePosition() async {
    await #expect(processExitsWith: .failure) {
      let backend = CPUBackend(threads: 1)
      let table = filled([Float](repeating: 1, count: 6), on: backend)
      backend.rope(
        Elements(filled([Float](repeating: 1, count: 4), on: backend)), rows: 1, heads: 1,
        headDim: 4,
        positions: filled([Int32(-1)], on: backend), cosines: table, sines: table, sign: 1)
    }
  }

  @Test func aStoredRowThatIsNotThere() async {
    await #expect(processExitsWith: .failure) {
      let backend = CPUBackend(threads: 1)
      let bytes = [UInt8](repeating: 0, count: 32)
      backend.decode(
        bytes.span.bytes, format: .f32, rows: 2, columns: 4, rowOrder: [0, 2],
        into: backend.allocate(byteCount: 32))
    }
  }

  @Test func fewerStoredBytesThanRows() async {
    await #expect(processExitsWith: .failure) {
      let backend = CPUBackend(threads: 1)
      let bytes = [UInt8](repeating: 0, count: 31)
      backend.decode(
        bytes.span.bytes, format: .f32, rows: 2, columns: 4, rowOrder: nil,
        into: backend.allocate(byteCount: 32))
    }
  }

  @Test func aTokenOutsideTheTable() async {
    await #expect(processExitsWith: .failure) {
      let backend = CPUBackend(threads: 1)
      backend.gatherRows(
        filled([Float](repeating: 0, count: 6), on: backend), ids: filled([Int32(3)], on: backend),
        into: backend.allocate(byteCount: 8), count: 1, columns: 2)
    }
  }

  @Test func aLabelOutsideTheVocabulary() async {
    await #expect(processExitsWith: .failure) {
      let backend = CPUBackend(threads: 1)
      backend.crossEntropy(
        logits: filled([Float](repeating: 0, count: 5), on: backend),
        labels: filled([Int32(5)], on: backend), weights: nil,
        logprobs: backend.allocate(byteCount: 4), rows: 1, vocabulary: 5)
    }
  }

  @Test func fewerWeightsThanRows() async {
    await #expect(processExitsWith: .failure) {
      let backend = CPUBackend(threads: 1)
      backend.crossEntropy(
        logits: filled([Float](repeating: 0, count: 6), on: backend),
        labels: filled([Int32(0), 1], on: backend), weights: filled([Float(1)], on: backend),
        logprobs: backend.allocate(byteCount: 8), rows: 2, vocabulary: 3)
    }
  }

  @Test func aBufferThatIsTooSmall() async {
    await #expect(processExitsWith: .failure) {
      let backend = CPUBackend(threads: 1)
      let (a, y) = (backend.allocate(byteCount: 40), backend.allocate(byteCount: 36))
      backend.add(a, a, into: y, count: 10)
    }
  }

  @Test func aSliceBeyondItsParent() async {
    await #expect(processExitsWith: .failure) {
      _ = CPUBackend(threads: 1).allocate(byteCount: 16).slice(byteOffset: 8, byteCount: 9)
    }
  }

  @Test func headsThatDoNotShareEvenly() async {
    await #expect(processExitsWith: .failure) {
      _ = AttentionGeometry(segments: [0, 4], heads: 3, kvHeads: 2, headDim: 4, scale: 1)
    }
  }

  @Test func segmentsThatFall() async {
    await #expect(processExitsWith: .failure) {
      _ = AttentionGeometry(segments: [0, 4, 3], heads: 2, kvHeads: 2, headDim: 4, scale: 1)
    }
  }
}
