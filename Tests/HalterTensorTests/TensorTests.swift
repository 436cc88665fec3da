import HalterBackend
import HalterTensor
import Testing

@Suite struct TensorTests {
  let backend = CPUBackend(threads: 1)

  @Test func holdsWhatItWasMadeFrom() {
    let x = tensor([1, 2, 3, 4, 5, 6], [2, 3], backend)
    #expect(
      x.floats == [1, 2, 3, 4, 5, 6] && x.shape == [2, 3] && x.dtype == .f32 && x.count == 6)
    let ids = Tensor([Int32.min, 0, .max], shape: [3], on: backend)
    #expect(ids.integers == [.min, 0, .max] && ids.dtype == .i32)
  }

  @Test func fills() {
    #expect(Tensor(zeros: [3], on: backend).floats == [0, 0, 0])
    #expect(Tensor(filled: -2, shape: [2, 1], on: backend).floats == [-2, -2])
    #expect(Tensor(filled: 7, shape: [], on: backend).scalar == 7)
  }

  @Test func mayBeEmpty() {
    let x = Tensor([Float](), shape: [0, 5], on: backend)
    #expect(x.floats == [] && x.count == 0)
    #expect((x + x).floats == [] && x.sumOfSquares == 0)
  }

  @Test func sumOfSquaresIsInDoublePrecision() {
    let x = tensor([1e30, 1e30], [2], backend)
    #expect(x.sumOfSquares == 2 * Double(Float(1e30)) * Double(Float(1e30)))
  }

  @Test func operationsMakeNewTensors() {
    let (a, b) = (tensor([1, 2], [2], backend), tensor([3, 4], [2], backend))
    #expect((a + b).floats == [4, 6] && (a * b).floats == [3, 8] && (a * 2).floats == [2, 4])
    #expect(a.floats == [1, 2] && b.floats == [3, 4])
  }

  @Test func aMatrixSharesItsRows() {
    let values = tensor([1, 2, 3, 4, 5, 6], [3, 2], backend)
    let matrix = StoredMatrix(dense: values.storage, rows: 3, columns: 2, backend: backend)
    #expect(matrix.byteCount == 24 && matrix.format == "f32")
    #expect(matrix.denseRows(1..<3).read(Float.self, count: 4) == [3, 4, 5, 6])
    #expect(matrix.denseRows(3..<3).byteCount == 0)
    let y = Tensor(uninitialized: [2, 2], on: backend)
    matrix.gather(
      ids: Tensor([Int32(2), 0], shape: [2], on: backend).storage, count: 2, into: y.storage)
    #expect(y.floats == [5, 6, 1, 2])
  }

  @Test func aMatrixMultipliesBothWays() {
    let values = tensor([1, 2, 3, 4, 5, 6], [3, 2], backend)
    let matrix = StoredMatrix(dense: values.storage, rows: 3, columns: 2, backend: backend)
    let y = tensor([1, 1, 1], [1, 3], backend)
    let x = tensor([10, 1], [1, 2], backend)
    matrix.product(x.elements, count: 1, into: y.elements, accumulate: true)
    #expect(y.floats == [13, 35, 57])
    matrix.product(x.elements, count: 1, into: y.elements, accumulate: false)
    #expect(y.floats == [12, 34, 56])
    let dx = tensor([1, 1], [1, 2], backend)
    let dy = tensor([1, 0, 2], [1, 3], backend)
    matrix.transposedProduct(dy.elements, count: 1, into: dx.elements, accumulate: true)
    #expect(dx.floats == [12, 15])
    matrix.transposedProduct(dy.elements, count: 1, into: dx.elements, accumulate: false)
    #expect(dx.floats == [11, 14])
  }

  @Test func aShapeThatDoesNotFitIsABug() async {
    await #expect(processExitsWith: .failure) {
      let backend = CPUBackend(threads: 1)
      _ =
        tensor([1, 2], [2], backend)
        + tensor([1, 2], [1, 2], backend)
    }
    await #expect(processExitsWith: .failure) {
      _ = tensor([1, 2], [2], CPUBackend(threads: 1)).reshaped(to: [3])
    }
  }
}
