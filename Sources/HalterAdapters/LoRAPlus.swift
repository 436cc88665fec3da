import HalterNN

/// LoRA+ (Hayou et al. 2024): B begins at zero and has to grow, so it learns faster than A.
public enum LoRAPlus {
  /// What the learning rate of a trained parameter is multiplied by: the ratio for B and for
  /// vectors, 1 for A, as PEFT's `create_loraplus_optimizer` groups them.
  public static func rateFactor(of parameter: NamedParameter, ratio: Double) -> Float {
    parameter.parameter.isVector || parameter.name.contains("lora_B") ? Float(ratio) : 1
  }
}
