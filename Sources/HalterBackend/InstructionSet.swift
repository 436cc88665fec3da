internal import CHalterKernels

/// Sets of SIMD instructions that kernels are built for, slowest first.
public enum InstructionSet: Int, Sendable, CaseIterable {
  /// The baseline of the architecture.
  case portable = 0
  /// AVX2, FMA and F16C.
  case avx2 = 1
  /// AVX-512 F, BW, DQ and VL.
  case avx512 = 2
  /// AVX-512 with the dot products of BF16.
  case avx512bf16 = 3

  /// The name as users write it.
  public var name: String {
    switch self {
    case .portable: "portable"
    case .avx2: "avx2"
    case .avx512: "avx512"
    case .avx512bf16: "avx512bf16"
    }
  }

  /// The set with a name.
  public init?(name: String) {
    guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = found
  }

  /// Whether this CPU has it.
  public var isAvailable: Bool { hk_isa_available(code) }

  /// What products with it are fastest in. Intel's cores multiply bf16 at half the speed of f32,
  /// AMD's at twice.
  public var fastestCompute: ComputeType {
    self == .avx512bf16 && hk_bf16_is_fast() ? .bf16 : .f32
  }

  /// The best that this CPU has.
  public static var best: InstructionSet {
    InstructionSet(rawValue: Int(hk_best_isa().rawValue)) ?? .portable
  }

  var code: hk_isa { hk_isa(UInt32(rawValue)) }
}
