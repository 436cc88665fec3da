import HalterBackend
import HalterTensor

/// A named piece of a model that an optimiser may change: a leaf of the graph with identity.
public final class Parameter {
  /// The values; a leaf of the graph if the parameter is trainable.
  public private(set) var value: Tensor
  /// Whether the optimiser changes it.
  public let isTrainable: Bool

  /// A parameter over a tensor of f32 values.
  public init(_ value: Tensor, trainable: Bool) {
    self.value = trainable ? value.requiringGradient() : value.detached
    self.isTrainable = trainable
  }

  /// The number of values.
  public var count: Int { value.count }

  /// Norm weights and biases: by convention they are not decayed (Loshchilov & Hutter 2019 leave
  /// the choice open; this is the field's).
  public var isVector: Bool { value.shape.rank < 2 }

  /// Replaces the values by others of the same shape, keeping the storage.
  public func assign(_ values: [Float]) {
    precondition(values.count == count, "\(values.count) values for a parameter of \(count)")
    value.storage.write(values)
  }
}

/// A parameter and its full dotted name in the model, e.g. `model.layers.0.mlp.up_proj.weight`.
public struct NamedParameter {
  /// The dotted name.
  public let name: String
  /// The parameter.
  public let parameter: Parameter

  /// A parameter under a name.
  public init(_ name: String, _ parameter: Parameter) {
    self.name = name
    self.parameter = parameter
  }

  /// Whether these are the vectors of tokens, most of which a step does not see.
  public var isEmbedding: Bool { name.hasSuffix("embed_tokens.weight") }
}

/// The matrix of a layer, `[outputs, inputs]`: frozen in any storage format, or trainable.
public enum Weight {
  /// A matrix that training never changes.
  case frozen(any FrozenMatrix)
  /// A parameter of rank 2.
  case trainable(Parameter)

  /// The number of outputs.
  public var rows: Int {
    switch self {
    case .frozen(let matrix): matrix.rows
    case .trainable(let parameter): parameter.value.shape[0]
    }
  }

  /// The number of inputs.
  public var columns: Int {
    switch self {
    case .frozen(let matrix): matrix.columns
    case .trainable(let parameter): parameter.value.shape[1]
    }
  }

  /// The size in memory, in bytes.
  public var byteCount: Int {
    switch self {
    case .frozen(let matrix): matrix.byteCount
    case .trainable(let parameter): parameter.count * 4
    }
  }

  /// The same matrix as the head of a language model.
  public var outputHead: OutputHead {
    switch self {
    case .frozen(let matrix): .frozen(matrix)
    case .trainable(let parameter): .trainable(parameter.value)
    }
  }

  /// A range of rows as f32 values, `[range.count, columns]`.
  public func denseRows(_ range: Range<Int>) -> Buffer {
    switch self {
    case .frozen(let matrix): matrix.denseRows(range)
    case .trainable(let parameter):
      parameter.value.storage.slice(
        byteOffset: range.lowerBound * columns * 4, byteCount: range.count * columns * 4)
    }
  }

  /// The trainable parameter, if it is one.
  public var parameter: Parameter? {
    if case .trainable(let parameter) = self { parameter } else { nil }
  }
}
