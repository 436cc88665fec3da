internal import CHalterKernels

/// The formats of stored weights.
public enum ElementFormat: String, Sendable, CaseIterable {
  // The names of the formats themselves.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case f32, bf16, f16
  /// 4-bit codes of bitsandbytes (Dettmers et al. 2023), two in a byte, with a scale for each block
  /// of the whole matrix, row after row.
  case nf4, fp4
  /// 8-bit integers with a scale for each row (Dettmers et al. 2022, LLM.int8).
  case int8
  /// Blocks of GGUF, exactly as in the file.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q5_k, q6_k

  /// Elements in a block of a row; 1 where rows are not cut into blocks.
  public var blockSize: Int { hk_format_block(code) }

  /// Whether a format keeps its scales apart from its elements.
  public var hasSeparateScales: Bool {
    switch self {
    case .nf4, .fp4, .int8: true
    default: false
    }
  }

  /// Bytes of a row, or of the elements of a whole matrix of 4-bit codes.
  /// - Parameter count: elements, a whole number of blocks; an odd code takes a byte of its own.
  public func byteCount(of count: Int) -> Int {
    hk_format_bytes(code, self == .nf4 || self == .fp4 ? (count + 1) / 2 * 2 : count)
  }

  var code: hk_format {
    switch self {
    case .f32: HK_FORMAT_F32
    case .bf16: HK_FORMAT_BF16
    case .f16: HK_FORMAT_F16
    case .nf4: HK_FORMAT_NF4
    case .fp4: HK_FORMAT_FP4
    case .int8: HK_FORMAT_INT8
    case .q4_0: HK_FORMAT_Q4_0
    case .q4_1: HK_FORMAT_Q4_1
    case .q5_0: HK_FORMAT_Q5_0
    case .q5_1: HK_FORMAT_Q5_1
    case .q8_0: HK_FORMAT_Q8_0
    case .q4_k: HK_FORMAT_Q4_K
    case .q5_k: HK_FORMAT_Q5_K
    case .q6_k: HK_FORMAT_Q6_K
    }
  }
}
