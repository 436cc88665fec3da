import HalterBackend
import HalterTensor

/// A map of rows of `inputs` values to rows of `outputs` values: a slot that adapters can wrap.
public protocol LinearLayer: AnyObject {
  /// The size of a row that goes in.
  var inputs: Int { get }
  /// The size of a row that comes out.
  var outputs: Int { get }
  /// The layer's parameters by their names below the layer's own.
  var parameters: [NamedParameter] { get }
  /// The bias `[outputs]`, if the layer has one.
  var bias: Parameter? { get }
  /// Rows of the matrix that the layer as a whole stands for, f32, `[range.count, inputs]`: with
  /// what an adapter adds.
  func effectiveRows(_ range: Range<Int>) -> Buffer
  /// The rows `[…, outputs]` for rows `[…, inputs]`, of a type.
  func callAsFunction(_ x: Tensor, _ context: ForwardContext, into type: DType) -> Tensor
}

extension LinearLayer {
  /// The rows `[…, outputs]` for rows `[…, inputs]`, as f32.
  public func callAsFunction(_ x: Tensor, _ context: ForwardContext) -> Tensor {
    self(x, context, into: .f32)
  }
}

/// A place for a linear layer, by its full name.
public struct LinearSlot {
  /// The full dotted name, e.g. `model.layers.0.self_attn.q_proj`.
  public let name: String
  /// The index of the block it is in.
  public let layer: Int
  /// The layer that sits there.
  public let get: () -> any LinearLayer
  /// Puts another layer there.
  public let set: (any LinearLayer) -> Void

  /// A place that two closures reach.
  public init(
    name: String, layer: Int, get: @escaping () -> any LinearLayer,
    set: @escaping (any LinearLayer) -> Void
  ) {
    self.name = name
    self.layer = layer
    self.get = get
    self.set = set
  }
}

/// x · Wᵀ + b.
public final class Linear: LinearLayer {
  /// The matrix `[outputs, inputs]`.
  public let weight: Weight
  public let bias: Parameter?

  /// A layer over a weight and an optional bias.
  public init(weight: Weight, bias: Parameter? = nil) {
    self.weight = weight
    self.bias = bias
  }

  public var inputs: Int { weight.columns }
  public var outputs: Int { weight.rows }

  public var parameters: [NamedParameter] {
    [
      weight.parameter.map { NamedParameter("weight", $0) },
      bias.map { NamedParameter("bias", $0) },
    ].compactMap { $0 }
  }

  public func effectiveRows(_ range: Range<Int>) -> Buffer { weight.denseRows(range) }

  public func callAsFunction(
    _ x: Tensor, _ context: ForwardContext, into type: DType
  ) -> Tensor {
    switch weight {
    case .frozen(let matrix): x.linear(matrix, bias: bias?.value, into: type)
    case .trainable(let parameter): x.linear(parameter.value, bias: bias?.value, into: type)
    }
  }
}

/// The rows of a table by token id.
public final class Embedding {
  /// The table `[vocabulary, D]`.
  public let weight: Weight

  /// An embedding over a table.
  public init(weight: Weight) { self.weight = weight }

  /// The rows `[T, D]` of the ids, i32 `[T]`, all in range.
  public func callAsFunction(_ ids: Tensor) -> Tensor {
    switch weight {
    case .trainable(let parameter): return parameter.value.gatherRows(ids)
    case .frozen(let matrix):
      let y = Tensor(uninitialized: [ids.count, matrix.columns], on: matrix.backend)
      matrix.gather(ids: ids.storage, count: ids.count, into: y.storage)
      return y
    }
  }
}

/// Root-mean-square normalisation with a weight (Zhang & Sennrich 2019).
public final class RMSNorm {
  /// The weight `[D]`.
  public let weight: Parameter
  /// Added to the mean square.
  public let epsilon: Float

  /// A norm over a weight.
  public init(weight: Parameter, epsilon: Float) {
    self.weight = weight
    self.epsilon = epsilon
  }

  /// The normalised rows, of a type.
  public func callAsFunction(_ x: Tensor, into type: DType = .f32) -> Tensor {
    x.rmsNorm(weight: weight.value, epsilon: epsilon, into: type)
  }
}
