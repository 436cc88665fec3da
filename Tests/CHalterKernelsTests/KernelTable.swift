import CHalterKernels
import Foundation
import Testing

/// An instruction set that this machine can run, as an argument of a test.
struct KernelTable: Sendable, CustomTestStringConvertible {
  let name: String
  let rawValue: UInt32

  static let available: [KernelTable] = [
    KernelTable(name: "portable", rawValue: HK_ISA_PORTABLE.rawValue),
    KernelTable(name: "avx2", rawValue: HK_ISA_AVX2.rawValue),
    KernelTable(name: "avx512", rawValue: HK_ISA_AVX512.rawValue),
    KernelTable(name: "avx512bf16", rawValue: HK_ISA_AVX512BF16.rawValue),
  ].filter { hk_isa_available(hk_isa(rawValue: $0.rawValue)) }

  var testDescription: String { name }

  func kernels() throws -> hk_kernels {
    try #require(hk_kernels_for(hk_isa(rawValue: rawValue))).pointee
  }

  static func portable() throws -> hk_kernels {
    try #require(hk_kernels_for(HK_ISA_PORTABLE)).pointee
  }
}

/// Lengths around every vector width, with and without a tail.
let sizes = [0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 1000]

/// Numbers that are the same in every run.
struct Noise: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: Int) { state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func floats(_ count: Int, in range: ClosedRange<Float> = -3...3) -> [Float] {
    (0..<count).map { _ in Float.random(in: range, using: &self) }
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
  }
}

/// What stands behind the end of every output: a kernel must not touch it.
let guardValue: Float = 12345.5
let guardCount = 40

/// An output of `count` elements that begins as `initial` or zeros, and the guard behind it.
func output(_ count: Int, _ initial: [Float]? = nil) -> [Float] {
  (initial ?? Array(repeating: 0, count: count)) + Array(repeating: guardValue, count: guardCount)
}

/// Element by element: |actual - expected| <= absolute + relative |expected|; NaN equals NaN. The
/// guard behind `expected.count` elements must be whole.
func expectClose(
  _ actual: [Float], _ expected: [Double], relative: Double, absolute: Double = 1e-30,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  for (index, value) in expected.enumerated() {
    let found = Double(actual[index])
    let close =
      found.isNaN || value.isNaN
      ? found.isNaN && value.isNaN
      : found == value || abs(found - value) <= absolute + relative * abs(value)
    guard close else {
      #expect(found == value, "element \(index)", sourceLocation: sourceLocation)
      return
    }
  }
  let behind = actual[expected.count...]
  #expect(
    behind.allSatisfy { $0 == guardValue }, "wrote past the end", sourceLocation: sourceLocation)
}

/// The same bits, where every NaN is the same.
func sameBits(_ a: [Float], _ b: [Float]) -> Bool {
  a.count == b.count
    && zip(a, b).allSatisfy { $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN }
}
