import HalterBackend
import Testing

@Suite struct ShapeTests {
  @Test func rowsAndColumns() {
    let shape: Shape = [2, 3, 5]
    #expect(shape.rank == 3 && shape.count == 30)
    #expect(shape.rows == 6 && shape.columns == 5)
    #expect(shape[0] == 2 && shape[2] == 5)
    #expect("\(shape)" == "[2, 3, 5]")
  }

  @Test func aScalarHasOneElement() {
    let shape: Shape = []
    #expect(shape.rank == 0 && shape.count == 1 && shape.rows == 1 && shape.columns == 1)
  }

  @Test func extentsMayBeZero() {
    #expect(Shape([0, 4]).count == 0 && Shape([0, 4]).rows == 0 && Shape([0, 4]).columns == 4)
    #expect(Shape([4, 0]).count == 0 && Shape([4, 0]).rows == 4 && Shape([4, 0]).columns == 0)
  }

  @Test func equalityIsByExtents() {
    #expect(Shape([2, 3]) == [2, 3] && Shape([2, 3]) != [3, 2] && Shape([1]) != [])
    #expect(Set([Shape([2]), Shape([2]), Shape([3])]).count == 2)
  }

  @Test func sizesOfElements() {
    #expect(DType.f32.byteCount == 4 && DType.bf16.byteCount == 2 && DType.i32.byteCount == 4)
    // Block of 32 weights: a half of scale (and a half of minimum), then the numbers.
    let blocks: [(ElementFormat, elements: Int, bytes: Int)] = [
      (.f32, 1, 4), (.bf16, 1, 2), (.f16, 1, 2), (.int8, 1, 1), (.q4_0, 32, 2 + 16),
      (.q4_1, 32, 4 + 16), (.q5_0, 32, 2 + 4 + 16), (.q5_1, 32, 4 + 4 + 16), (.q8_0, 32, 2 + 32),
      (.q4_k, 256, 4 + 12 + 128), (.q5_k, 256, 4 + 12 + 32 + 128), (.q6_k, 256, 128 + 64 + 16 + 2),
    ]
    for (format, elements, bytes) in blocks {
      #expect(format.blockSize == elements)
      #expect(format.byteCount(of: 3 * elements) == 3 * bytes)
    }
    #expect(ElementFormat.nf4.blockSize == 1 && ElementFormat.nf4.byteCount(of: 7) == 4)
  }

  @Test func aGeometryCountsItsTokens() {
    let geometry = AttentionGeometry(
      segments: [0, 3, 3, 8], heads: 4, kvHeads: 2, headDim: 8, scale: 1)
    #expect(geometry.tokens == 8)
    #expect(
      AttentionGeometry(segments: [0], heads: 1, kvHeads: 1, headDim: 1, scale: 1).tokens == 0)
  }
}
