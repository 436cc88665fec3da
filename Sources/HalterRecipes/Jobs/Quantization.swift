import HalterBackend

extension QuantizeRecipe {
  /// What the device does with weights for this.
  var quantization: WeightQuantization {
    let kind: WeightQuantization.Kind =
      switch self.kind {
      case .nf4: .nf4
      case .fp4: .fp4
      case .int8: .int8
      }
    return WeightQuantization(kind: kind, block: block ?? 64, isDouble: isDouble ?? true)
  }
}
