import HalterBackend
import HalterNN
import HalterRandom
import HalterTensor

/// A frozen linear layer with a low-rank adapter: y = x Wᵀ + b + s · dropout(x) Aᵀ Bᵀ
/// (Hu et al. 2021); with DoRA, the rows of W + s B A then get the magnitudes that it trains.
public final class LoRALinear: LinearLayer {
  /// The full dotted name of the layer.
  public let name: String
  /// The factor A, `[r, inputs]`.
  public let a: Parameter
  /// The factor B, `[outputs, r]`.
  public let b: Parameter
  /// The factor s on the adapter's branch.
  public let scaling: Float
  /// The magnitudes of DoRA, `[outputs]`; nil for plain LoRA.
  public var magnitude: Parameter? { decomposition?.magnitude }
  private let decomposition: WeightDecomposition?
  private let matrix: any FrozenMatrix
  private let base: Linear
  private let dropout: Float

  /// Wraps a layer whose matrix is frozen.
  init(
    name: String, base: Linear, matrix: any FrozenMatrix, a: Tensor, b: Tensor, scaling: Float,
    dropout: Float, decomposition: WeightDecomposition?
  ) {
    self.decomposition = decomposition
    self.name = name
    self.base = base
    self.matrix = matrix
    self.a = Parameter(a, trainable: true)
    self.b = Parameter(b, trainable: true)
    self.scaling = scaling
    self.dropout = dropout
  }

  public var inputs: Int { matrix.columns }
  public var outputs: Int { matrix.rows }
  public var bias: Parameter? { base.bias }

  public var parameters: [NamedParameter] {
    base.parameters + adapterParameters
  }

  /// The trainable parts of the adapter by their names below the layer's.
  var adapterParameters: [NamedParameter] {
    [NamedParameter("lora_A.weight", a), NamedParameter("lora_B.weight", b)]
      + (magnitude.map { [NamedParameter("lora_magnitude_vector", $0)] } ?? [])
  }

  public func callAsFunction(
    _ x: Tensor, _ context: ForwardContext, into type: DType
  ) -> Tensor {
    var drop: (probability: Float, seed: UInt64)?
    if dropout > 0, let seed = context.dropoutSeed {
      var stream = RandomStream(seed: seed, name: name)
      drop = (dropout, stream.next())
    }
    guard let decomposition else {
      return x.loraLinear(
        matrix, bias: base.bias?.value, a: a.value, b: b.value, scale: scaling, dropout: drop,
        into: type)
    }
    let norms = decomposition.norms(
      matrix, a: a.value, b: b.value, scaling: scaling, cache: context.cache)
    func adapted(_ x: Tensor, bias: Tensor?, into type: DType) -> Tensor {
      x.loraLinear(matrix, a: a.value, b: b.value, scale: scaling, into: type)
        .decomposed(magnitude: decomposition.magnitude.value, norms: norms, bias: bias)
    }
    guard let drop else { return adapted(x, bias: base.bias?.value, into: type) }
    // Only what the adapter changes sees the dropout, as in PEFT: x W + (f(x') - x' W), where f is
    // the adapted layer and x' what is left of x.
    let wide = x.converted(to: .f32)
    let kept = wide.dropout(probability: drop.probability, seed: drop.seed)
    let rest = (wide + kept * -1).linear(matrix, bias: base.bias?.value)
    return (rest + adapted(kept, bias: nil, into: .f32)).converted(to: type)
  }

  /// W + s · B A, with DoRA brought to its magnitudes: the merged matrix.
  public func effectiveRows(_ range: Range<Int>) -> Buffer {
    let backend = matrix.backend
    let rank = a.value.shape[0]
    let rows = backend.allocate(byteCount: max(1, range.count * inputs * 4))
    backend.copy(matrix.denseRows(range), to: rows, byteCount: range.count * inputs * 4)
    let factor = b.value.storage.slice(
      byteOffset: range.lowerBound * rank * 4, byteCount: range.count * rank * 4)
    backend.matmul(
      Elements(factor), transposed: false, a.value.elements, transposed: false,
      into: Elements(rows), m: range.count, n: inputs, k: rank, alpha: scaling, accumulate: true,
      compute: .f32)
    decomposition?.rescale(rows, range, columns: inputs)
    return rows
  }
}
