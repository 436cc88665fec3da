import HalterBackend
import HalterNN
import HalterRandom
import HalterTensor

/// A frozen linear layer with a low-rank adapter: y = x Wᵀ + b + s · dropout(x) Aᵀ Bᵀ
/// (Hu et al. 2021).
public final class LoRALinear: LinearLayer {
  /// The full dotted name of the layer.
  public let name: String
  /// The factor A, `[r, inputs]`.
  public let a: Parameter
  /// The factor B, `[outputs, r]`.
  public let b: Parameter
  /// The factor s on the adapter's branch.
  public let scaling: Float
  private let matrix: any FrozenMatrix
  private let base: Linear
  private let dropout: Float

  /// Wraps a layer whose matrix is frozen.
  init(
    name: String, base: Linear, matrix: any FrozenMatrix, a: Tensor, b: Tensor, scaling: Float,
    dropout: Float
  ) {
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
    base.parameters + [
      NamedParameter("lora_A.weight", a), NamedParameter("lora_B.weight", b),
    ]
  }

  public func callAsFunction(
    _ x: Tensor, _ context: ForwardContext, into type: DType
  ) -> Tensor {
    var drop: (probability: Float, seed: UInt64)?
    if dropout > 0, let seed = context.dropoutSeed {
      var stream = RandomStream(seed: seed, name: name)
      drop = (dropout, stream.next())
    }
    return x.loraLinear(
      matrix, bias: base.bias?.value, a: a.value, b: b.value, scale: scaling, dropout: drop,
      into: type)
  }

  /// W + s · B A, the merged matrix.
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
    return rows
  }
}
