import HalterBackend
import HalterNN
import HalterTensor
import Testing

@Suite struct ParameterTests {
  let backend = CPUBackend(threads: 1)

  private func parameter(_ shape: Shape, _ seed: UInt64, trainable: Bool = true) -> Parameter {
    Parameter(Tensor(noise(shape.count, seed), shape: shape, on: backend), trainable: trainable)
  }

  private var context: ForwardContext {
    let table = Tensor(zeros: [1, 1], on: backend)
    return ForwardContext(
      positions: Tensor([Int32](), shape: [0], on: backend),
      tables: RotaryTables(cosines: table, sines: table), segments: [0])
  }

  @Test func onlyTrainableOnesAreLeaves() {
    #expect(parameter([2], 1).value.requiresGradient)
    #expect(!parameter([2], 1, trainable: false).value.requiresGradient)
    #expect(parameter([2], 1).isTrainable && !parameter([2], 1, trainable: false).isTrainable)
    // A tensor that was in a graph leaves it.
    let inside = parameter([2], 1).value * 2
    #expect(!Parameter(inside, trainable: false).value.requiresGradient)
  }

  @Test func normsAndBiasesAreVectors() {
    #expect(parameter([4], 1).isVector && !parameter([4, 1], 1).isVector)
    #expect(parameter([4, 3], 1).count == 12)
  }

  @Test func assigningKeepsStorageAndPlaceInTheGraph() {
    let p = parameter([3], 1)
    let storage = p.value.storage
    p.assign([7, 8, 9])
    #expect(p.value.floats == [7, 8, 9] && p.value.storage === storage)
    #expect(p.value.requiresGradient)
  }

  @Test func aLinearLayerNamesWhatItTrains() {
    let (w, b) = (parameter([3, 2], 1), parameter([3], 2))
    let layer = Linear(weight: .trainable(w), bias: b)
    #expect(layer.parameters.map(\.name) == ["weight", "bias"])
    #expect(
      layer.parameters.map { ObjectIdentifier($0.parameter) } == [
        ObjectIdentifier(w), ObjectIdentifier(b),
      ])
    #expect(Linear(weight: .trainable(w)).parameters.map(\.name) == ["weight"])
    #expect(layer.inputs == 2 && layer.outputs == 3 && layer.bias === b)
  }

  @Test func aFrozenMatrixIsNoParameter() {
    let layer = frozenLayer(2, 3, 1, on: backend)
    #expect(layer.parameters.isEmpty && layer.inputs == 2 && layer.outputs == 3)
    let biased = Linear(weight: layer.weight, bias: parameter([3], 2))
    #expect(biased.parameters.map(\.name) == ["bias"])
  }

  @Test func aFrozenLayerAndATrainableOneComputeTheSame() {
    let w = parameter([3, 2], 1)
    let matrix = StoredMatrix(dense: w.value.storage, rows: 3, columns: 2, backend: backend)
    let bias = parameter([3], 2)
    let x = Tensor(noise(8, 3), shape: [4, 2], on: backend)
    let trainable = Linear(weight: .trainable(w), bias: bias)(x, context)
    let frozen = Linear(weight: .frozen(matrix), bias: bias)(x, context)
    #expect(trainable.floats == frozen.floats && trainable.shape == [4, 3])
  }

  @Test func frozenParametersGetNoGradient() throws {
    let (w, b) = (parameter([3, 2], 1), parameter([3], 2, trainable: false))
    let x = Tensor(noise(8, 3), shape: [4, 2], on: backend)
    Linear(weight: .trainable(w), bias: b)(x, context)
      .backward(Tensor(filled: 1, shape: [4, 3], on: backend))
    #expect(w.value.gradient != nil && b.value.gradient == nil)

    let norm = RMSNorm(weight: parameter([2], 4, trainable: false), epsilon: 1e-5)
    let input = x.requiringGradient()
    norm(input).backward(Tensor(filled: 1, shape: [4, 2], on: backend))
    #expect(norm.weight.value.gradient == nil && input.gradient != nil)
  }

  @Test func effectiveRowsAreThoseOfTheMatrix() {
    let w = parameter([3, 2], 1)
    let expected = Array(w.value.floats[2..<6])
    for weight in [
      Weight.trainable(w),
      .frozen(StoredMatrix(dense: w.value.storage, rows: 3, columns: 2, backend: backend)),
    ] {
      #expect(Linear(weight: weight).effectiveRows(1..<3).read(Float.self, count: 4) == expected)
      #expect(weight.rows == 3 && weight.columns == 2 && weight.byteCount == 24)
    }
    #expect(Weight.trainable(w).parameter === w)
    #expect(frozenLayer(2, 3, 1, on: backend).weight.parameter == nil)
  }

  @Test func anEmbeddingLooksUpItsRows() {
    let table = parameter([4, 2], 1)
    let rows = table.value.floats
    let ids = Tensor([Int32(3), 0, 3], shape: [3], on: backend)
    let expected = Array(rows[6..<8] + rows[0..<2] + rows[6..<8])
    let matrix = StoredMatrix(dense: table.value.storage, rows: 4, columns: 2, backend: backend)
    let frozen = Embedding(weight: .frozen(matrix))(ids)
    #expect(frozen.floats == expected && frozen.shape == [3, 2] && !frozen.requiresGradient)
    let trainable = Embedding(weight: .trainable(table))(ids)
    #expect(trainable.floats == expected && trainable.requiresGradient)
    trainable.backward(Tensor(filled: 1, shape: [3, 2], on: backend))
    #expect(table.value.gradient?.floats == [1, 1, 0, 0, 0, 0, 2, 2])
  }

  @Test func aNormScalesRowsToItsWeight() {
    let weight = Parameter(Tensor(filled: 3, shape: [2], on: backend), trainable: true)
    let x = Tensor([Float(3), 4, 0, 0], shape: [2, 2], on: backend)
    let y = RMSNorm(weight: weight, epsilon: 0.5)(x).floats
    // 3 · 3 / sqrt(12.5 + 0.5), 3 · 4 / …; a row of zeros stays one.
    let root = Float(13).squareRoot()
    #expect(abs(y[0] - 9 / root) < 1e-6 && abs(y[1] - 12 / root) < 1e-6)
    #expect(y[2] == 0 && y[3] == 0)
  }

  @Test func aTiedHeadIsTheEmbeddingItself() {
    let table = parameter([4, 2], 1)
    let hidden = Tensor(noise(6, 2), shape: [3, 2], on: backend)
    let logits = backend.allocate(byteCount: 48)
    Weight.trainable(table).outputHead.product(hidden.storage, count: 3, into: logits)
    let expected = hidden.linear(table.value).floats
    #expect(logits.read(Float.self, count: 12) == expected)
  }
}
