/// The element type of a tensor.
public enum DType: String, Sendable, CaseIterable {
  /// IEEE 754 binary32: parameters, activations, gradients, optimiser state.
  case f32
  /// The upper half of binary32: stored weights and saved activations.
  case bf16
  /// 32-bit signed integers: token ids, positions, segment starts.
  case i32

  /// The size of an element in bytes.
  public var byteCount: Int {
    switch self {
    case .f32, .i32: 4
    case .bf16: 2
    }
  }
}
