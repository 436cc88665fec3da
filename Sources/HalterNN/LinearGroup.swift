import HalterBackend
import HalterTensor

/// The most rows for which starting a product is a good part of its cost.
private let fewRows = 4

/// The outputs of several layers for one input, as elements of a type. While generating, layers that are nothing but a
/// frozen matrix are multiplied together.
func outputs(
  of layers: [any LinearLayer], _ x: Tensor, _ context: ForwardContext, into type: DType
) -> [Tensor] {
  if !gradientsAreRecorded, x.shape.rows <= fewRows, x.dtype == .f32, type == .f32 {
    let matrices = layers.compactMap { ($0 as? Linear)?.plainMatrix }
    if matrices.count == layers.count { return x.products(with: matrices) }
  }
  return layers.map { $0(x, context, into: type) }
}

extension Linear {
  /// The matrix of a layer that has a frozen one and no bias.
  fileprivate var plainMatrix: (any FrozenMatrix)? {
    guard case .frozen(let matrix) = weight, bias == nil else { return nil }
    return matrix
  }
}
