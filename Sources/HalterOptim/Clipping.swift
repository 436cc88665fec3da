import HalterTensor

/// The norm of all gradients together, as clipping sees it (Pascanu et al. 2013).
/// - Returns: sqrt of the sum of squares over all targets, in double precision; not finite as soon
///   as one gradient is not.
public func globalGradientNorm(_ targets: [AdamW.Target]) -> Double {
  targets.reduce(0.0) { $0 + ($1.tensor.gradient?.sumOfSquares ?? 0) }.squareRoot()
}

/// The factor that brings a norm down to a maximum, 1 if it is below; as `clip_grad_norm_`.
/// - Returns: NaN for a norm that is NaN, as there is no factor that mends such gradients.
public func clippingFactor(norm: Double, maximum: Double?) -> Float {
  guard let maximum else { return 1 }
  let factor = maximum / (norm + 1e-6)
  return factor > 1 ? 1 : Float(factor)
}
