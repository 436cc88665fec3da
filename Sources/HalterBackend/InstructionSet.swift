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

  /// The set that `HALTER_ISA` names in an environment, else the best that this CPU has.
  /// - Throws: `InstructionSetError` if this CPU does not have it, or nobody.
  public init(environment: [String: String]) throws(InstructionSetError) {
    guard let name = environment["HALTER_ISA"], !name.isEmpty else {
      self = .best
      return
    }
    guard let found = Self(name: name), found.isAvailable else {
      throw InstructionSetError(name: name, isKnown: Self(name: name) != nil)
    }
    self = found
  }

  /// The best that this CPU has.
  public static var best: InstructionSet {
    InstructionSet(rawValue: Int(hk_best_isa().rawValue)) ?? .portable
  }

  var code: hk_isa { hk_isa(UInt32(rawValue)) }
}

/// A wish for an instruction set that cannot be had.
public struct InstructionSetError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The name in `HALTER_ISA`.
  public let name: String
  /// Whether there is a set of that name, which then is not on this CPU.
  public let isKnown: Bool

  /// What was found, what was expected and the mend.
  public var description: String {
    let sets = InstructionSet.allCases.filter(\.isAvailable).map(\.name).joined(separator: ", ")
    let fault = isKnown ? "is not on this CPU" : "is no instruction set that Halter knows"
    return "HALTER_ISA: \(name) \(fault). Set it to one of \(sets), or not at all."
  }
}
