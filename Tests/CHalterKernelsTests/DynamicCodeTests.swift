import CHalterKernels
import Foundation
import Testing

/// 8-bit codes with a dynamic exponent, and the step of AdamW that uses them.
@Suite struct DynamicCodeTests {
  private static func code(_ isSigned: Bool) -> hk_dynamic_code {
    var code = hk_dynamic_code()
    hk_dynamic_code_make(isSigned, &code)
    return code
  }

  private static func values(_ isSigned: Bool) -> [Float] {
    var map = [Float](repeating: .nan, count: 256)
    hk_dynamic_map(isSigned, &map)
    return map
  }

  /// The encoding of numbers in one block whose scale is 1, through a step with betas of zero.
  private func encoded(_ numbers: [Float], _ kernels: hk_kernels) -> (m: [UInt8], v: [UInt8]) {
    let count = numbers.count + 1
    var (signed, unsigned) = (Self.code(true), Self.code(false))
    var constants = hk_adamw_constants(
      learning_rate: 0, beta1: 0, beta2: 0, epsilon: 1, weight_decay: 0, bias_correction1: 1,
      sqrt_bias_correction2: 1, gradient_scale: 1)
    var (p, m, v) = (
      [Float](repeating: 0, count: count), [UInt8](repeating: 0, count: count),
      [UInt8](repeating: 0, count: count)
    )
    let blocks = (count + 255) / 256
    var (mScales, vScales) = (
      [Float](repeating: 0, count: blocks), [Float](repeating: 0, count: blocks)
    )
    kernels.adamw_8bit(
      count, &constants, &signed, &unsigned, numbers + [1], &p, &m, &mScales, &v, &vScales)
    return (m.dropLast(), v.dropLast())
  }

  @Test(arguments: [true, false]) func valuesRiseToOne(isSigned: Bool) {
    let values = Self.values(isSigned)
    #expect(zip(values, values.dropFirst()).allSatisfy { $0 < $1 })
    #expect(values[255] == 1 && values[isSigned ? 127 : 0] == 0)
    #expect(isSigned ? values[0] < -0.99 : values[1] > 0)
  }

  @Test(arguments: KernelTable.available) func valuesAreTheirOwnCodes(_ table: KernelTable) throws {
    let kernels = try table.kernels()
    let values = Self.values(true)
    for start in stride(from: 0, to: 256, by: 128) {
      let part = Array(values[start..<start + 128])
      #expect(encoded(part, kernels).m == (start..<start + 128).map { UInt8($0) })
    }
  }

  /// Numbers on each side of every bound, and on it: the code is that of the nearest value, the
  /// lower of two.
  @Test(arguments: KernelTable.available) func codesChangeAtTheBounds(_ table: KernelTable) throws {
    let kernels = try table.kernels()
    let values = Self.values(true)
    for code in 0..<255 {
      let bound = (values[code] + values[code + 1]) / 2
      let codes = encoded([bound.nextDown, bound, bound.nextUp], kernels).m
      #expect(codes == [UInt8(code), UInt8(code), UInt8(code + 1)], "bound \(code)")
    }
  }

  @Test(arguments: KernelTable.available)
  func squaresTakeTheNearestCode(_ table: KernelTable) throws {
    var noise = Noise(3)
    let values = Self.values(false)
    let numbers = noise.floats(255, in: -1...1).map { $0 * $0 * $0 }
    for (number, code) in zip(numbers, encoded(numbers, try table.kernels()).v) {
      let square = number * number
      let distance = abs(values[Int(code)] - square)
      #expect(values.allSatisfy { abs($0 - square) >= distance - 1e-7 * square }, "\(number)")
    }
  }

  @Test(arguments: KernelTable.available)
  func zerosAndWhatIsNoNumberDoNoHarm(_ table: KernelTable) throws {
    let kernels = try table.kernels()
    #expect(
      encoded([0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude], kernels).m == [
        127, 127, 127, 127,
      ])
    #expect(encoded([.nan, .infinity, -.infinity], kernels).m.count == 3)
  }

  /// Every table to the bit, over lengths around vectors and blocks.
  @Test(arguments: KernelTable.available, [0, 1, 15, 17, 255, 256, 257, 1000])
  func tablesAgreeToTheBit(_ table: KernelTable, _ n: Int) throws {
    func run(_ kernels: hk_kernels) -> [UInt32] {
      var noise = Noise(n)
      var (signed, unsigned) = (Self.code(true), Self.code(false))
      let blocks = (n + 255) / 256
      var (p, m, v) = (
        noise.floats(n), [UInt8](repeating: 3, count: n), [UInt8](repeating: 9, count: n)
      )
      var (mScales, vScales) = (noise.floats(blocks), noise.floats(blocks, in: 0...1))
      for step in 1...3 {
        var constants = hk_adamw_constants(
          learning_rate: 1e-2, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.1,
          bias_correction1: 0.271 * Float(step), sqrt_bias_correction2: 0.1723, gradient_scale: 0.7)
        kernels.adamw_8bit(
          n, &constants, &signed, &unsigned, noise.floats(n), &p, &m, &mScales, &v, &vScales)
      }
      return (p + mScales + vScales).map(\.bitPattern) + (m + v).map { UInt32($0) }
    }
    #expect(run(try table.kernels()) == run(try KernelTable.portable()))
  }
}
