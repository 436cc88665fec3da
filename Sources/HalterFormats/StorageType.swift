// Names such as `q4_0` are those of the format, which a reader will search for.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

/// How the elements of a tensor lie in a file: plain numbers, or blocks of quantised ones.
///
/// This type describes bytes only. Turning them into numbers is the job of the block codecs.
public enum StorageType: String, Sendable, CaseIterable, Hashable {
  case f64, f32, f16, bf16
  case i64, i32, i16, i8
  case u64, u32, u16, u8
  case bool, c64
  // Small floats that safetensors names; known, so that a message can say so, but not decoded.
  case f8_e4m3, f8_e5m2, f8_e8m0, f8_e4m3fnuz, f8_e5m2fnuz
  // GGUF blocks.
  case q4_0, q4_1, q5_0, q5_1, q8_0, q8_1
  case q2_k, q3_k, q4_k, q5_k, q6_k, q8_k
  case iq2_xxs, iq2_xs, iq3_xxs, iq1_s, iq4_nl, iq3_s, iq2_s, iq4_xs, iq1_m
  case tq1_0, tq2_0, mxfp4, nvfp4, q1_0

  /// Elements in a block; 1 for plain numbers. Blocks run along the innermost axis.
  public var blockSize: Int { layout.elements }

  /// Bytes in a block; for plain numbers, bytes in an element.
  public var bytesPerBlock: Int { layout.bytes }

  /// Whether elements come in blocks with shared scales.
  public var isQuantized: Bool { layout.elements > 1 }

  /// Whether elements are plain floating-point numbers of 16 bits or more.
  public var isPlainFloat: Bool { [.f64, .f32, .f16, .bf16].contains(self) }

  private var layout: (elements: Int, bytes: Int) {
    switch self {
    case .c64, .f64, .i64, .u64: (1, 8)
    case .f32, .i32, .u32: (1, 4)
    case .f16, .bf16, .i16, .u16: (1, 2)
    case .i8, .u8, .bool, .f8_e4m3, .f8_e5m2, .f8_e8m0, .f8_e4m3fnuz, .f8_e5m2fnuz: (1, 1)
    case .q4_0: (32, 18)
    case .q4_1: (32, 20)
    case .q5_0: (32, 22)
    case .q5_1: (32, 24)
    case .q8_0: (32, 34)
    case .q8_1: (32, 40)
    case .q2_k: (256, 84)
    case .q3_k: (256, 110)
    case .q4_k: (256, 144)
    case .q5_k: (256, 176)
    case .q6_k: (256, 210)
    case .q8_k: (256, 292)
    case .iq2_xxs: (256, 66)
    case .iq2_xs: (256, 74)
    case .iq3_xxs: (256, 98)
    case .iq1_s: (256, 50)
    case .iq4_nl: (32, 18)
    case .iq3_s: (256, 110)
    case .iq2_s: (256, 82)
    case .iq4_xs: (256, 136)
    case .iq1_m: (256, 56)
    case .tq1_0: (256, 54)
    case .tq2_0: (256, 66)
    case .mxfp4: (32, 17)
    case .nvfp4: (64, 36)
    case .q1_0: (128, 18)
    }
  }

  /// Bytes that a tensor of `shape` (outermost first) takes, or `nil` when a size is negative,
  /// the product overflows, or the innermost size is not a whole number of blocks.
  public func byteCount(shape: [Int]) -> Int? {
    guard (shape.last ?? 1) % blockSize == 0 || blockSize == 1 else { return nil }
    if blockSize > 1 && shape.isEmpty { return nil }
    var elements = 1
    // A zero anywhere makes the product zero, but only after the others were seen to be sane.
    for size in shape {
      guard size >= 0 else { return nil }
      let (product, overflow) = elements.multipliedReportingOverflow(by: Swift.max(size, 1))
      guard !overflow else { return nil }
      elements = product
    }
    let (bytes, overflow) = (elements / blockSize).multipliedReportingOverflow(by: bytesPerBlock)
    guard !overflow else { return nil }
    return shape.contains(0) ? 0 : bytes
  }
}

extension StorageType {
  /// The types safetensors has a name for, in the order its writers sort by (ascending).
  private static let safetensorsOrder: [(name: String, type: StorageType)] = [
    ("BOOL", .bool), ("U8", .u8), ("I8", .i8), ("F8_E5M2", .f8_e5m2), ("F8_E4M3", .f8_e4m3),
    ("F8_E8M0", .f8_e8m0), ("F8_E4M3FNUZ", .f8_e4m3fnuz), ("F8_E5M2FNUZ", .f8_e5m2fnuz),
    ("I16", .i16), ("U16", .u16), ("F16", .f16), ("BF16", .bf16), ("I32", .i32), ("U32", .u32),
    ("F32", .f32), ("C64", .c64), ("F64", .f64), ("I64", .i64), ("U64", .u64),
  ]

  /// The type that a safetensors header calls `name` (case matters), or `nil`.
  public init?(safetensors name: String) {
    guard let found = StorageType.safetensorsOrder.first(where: { $0.name == name }) else {
      return nil
    }
    self = found.type
  }

  /// The name in a safetensors header, or `nil` for types that format does not have.
  public var safetensorsName: String? {
    StorageType.safetensorsOrder.first { $0.type == self }?.name
  }

  /// Place in the order that safetensors writers sort by, or `nil`.
  var safetensorsRank: Int? {
    StorageType.safetensorsOrder.firstIndex { $0.type == self }
  }

  private static let gguf: [UInt32: StorageType] = [
    0: .f32, 1: .f16, 2: .q4_0, 3: .q4_1, 6: .q5_0, 7: .q5_1, 8: .q8_0, 9: .q8_1, 10: .q2_k,
    11: .q3_k, 12: .q4_k, 13: .q5_k, 14: .q6_k, 15: .q8_k, 16: .iq2_xxs, 17: .iq2_xs,
    18: .iq3_xxs, 19: .iq1_s, 20: .iq4_nl, 21: .iq3_s, 22: .iq2_s, 23: .iq4_xs, 24: .i8, 25: .i16,
    26: .i32, 27: .i64, 28: .f64, 29: .iq1_m, 30: .bf16, 34: .tq1_0, 35: .tq2_0, 39: .mxfp4,
    40: .nvfp4, 41: .q1_0,
  ]

  /// The type with a GGUF tensor type id, or `nil` for ids that are unknown or withdrawn.
  public init?(gguf id: UInt32) {
    guard let type = StorageType.gguf[id] else { return nil }
    self = type
  }

  /// The GGUF tensor type id, or `nil` for types that format does not have.
  public var ggufID: UInt32? { StorageType.gguf.first { $0.value == self }?.key }
}
