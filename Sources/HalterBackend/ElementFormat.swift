/// The formats of stored weights that can be decoded to f32. Blocks run along a row.
public enum ElementFormat: String, Sendable, CaseIterable {
  // The names of the formats themselves.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case f32, f16, bf16, q8_0, q4_0, q4_1

  /// Elements in a block; 1 for plain numbers.
  public var blockSize: Int {
    switch self {
    case .f32, .f16, .bf16: 1
    case .q8_0, .q4_0, .q4_1: 32
    }
  }

  /// Bytes in a block.
  public var bytesPerBlock: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .q8_0: 34
    case .q4_0: 18
    case .q4_1: 20
    }
  }
}
