import CHalterKernels
import Testing

@Suite struct DropoutTests {
  static let ones = [Float](repeating: 1, count: 100_000)

  func kept(
    _ kernels: hk_kernels, count: Int = 1000, p: Float, seed: UInt64, offset: UInt64 = 0
  ) -> [Bool] {
    var y = [Float](repeating: -1, count: count)
    kernels.dropout(count, HK_ELEMENT_F32, p, seed, offset, Self.ones, &y)
    return y.map { $0 != 0 }
  }

  @Test(arguments: KernelTable.available, sizes)
  func keptElementsAreScaledAndOthersZero(_ table: KernelTable, _ n: Int) throws {
    var noise = Noise(n)
    let kernels = try table.kernels()
    let x = noise.floats(n, in: 1...2)
    var y = output(n)
    kernels.dropout(n, HK_ELEMENT_F32, 0.25, 7, 3, x, &y)
    let keeps = kept(kernels, count: n, p: 0.25, seed: 7, offset: 3)
    expectClose(
      y, (0..<n).map { keeps[$0] ? Double(x[$0]) / 0.75 : 0 }, relative: 2e-7, absolute: 0)
  }

  @Test(arguments: KernelTable.available, [0, 1, 4_294_967_290, UInt64.max - 500])
  func everyTableDropsTheSame(_ table: KernelTable, _ offset: UInt64) throws {
    let expected = kept(try KernelTable.portable(), p: 0.4, seed: 99, offset: offset)
    #expect(kept(try table.kernels(), p: 0.4, seed: 99, offset: offset) == expected)
  }

  @Test(arguments: KernelTable.available, [1, 5, 16, 17, 333])
  func splitsDropTheSame(_ table: KernelTable, _ part: Int) throws {
    let kernels = try table.kernels()
    // The range crosses a multiple of 2^32, where the counter's upper word changes.
    let start: UInt64 = 3 << 32 - 400
    let whole = kept(kernels, p: 0.3, seed: 5, offset: start)
    var parts: [Bool] = []
    while parts.count < whole.count {
      let count = min(part, whole.count - parts.count)
      parts += kept(kernels, count: count, p: 0.3, seed: 5, offset: start + UInt64(parts.count))
    }
    #expect(parts == whole)
  }

  /// Within 4 standard deviations of the binomial.
  @Test(arguments: KernelTable.available, [0.05, 0.1, 0.5, 0.9] as [Float])
  func dropsAtTheRateAsked(_ table: KernelTable, _ p: Float) throws {
    let n = 100_000
    for seed in 0..<5 as Range<UInt64> {
      let keeps = kept(try table.kernels(), count: n, p: p, seed: seed)
      let dropped = Double(keeps.count { !$0 })
      let deviation = (Double(n) * Double(p) * Double(1 - p)).squareRoot()
      #expect(abs(dropped - Double(n) * Double(p)) < 4 * deviation)
    }
  }

  /// Neighbours, and the same element under other seeds, agree as often as chance has it.
  @Test func decisionsAreUncorrelated() throws {
    let kernels = try KernelTable.portable()
    let n = 100_000
    let a = kept(kernels, count: n, p: 0.5, seed: 1)
    let b = kept(kernels, count: n, p: 0.5, seed: 2)
    let limit = 4 * (Double(n) / 4).squareRoot()
    let acrossSeeds = zip(a, b).count { $0 == $1 }
    #expect(abs(Double(acrossSeeds) - Double(n) / 2) < limit)
    for lag in [1, 2, 16, 64, 576] {
      let agreeing = zip(a, a.dropFirst(lag)).count { $0 == $1 }
      #expect(abs(Double(agreeing) - Double(n - lag) / 2) < limit)
    }
  }

  @Test(arguments: KernelTable.available)
  func zeroProbabilityCopies(_ table: KernelTable) throws {
    var noise = Noise(4)
    let x = noise.floats(77)
    var y = output(77)
    try table.kernels().dropout(77, HK_ELEMENT_F32, 0, 1, 0, x, &y)
    expectClose(y, x.map(Double.init), relative: 0)
  }

  @Test(arguments: KernelTable.available)
  func probabilityOneDropsAllEvenInfinity(_ table: KernelTable) throws {
    let x = [Float](repeating: .infinity, count: 21)
    var y = [Float](repeating: 9, count: 21)
    try table.kernels().dropout(21, HK_ELEMENT_F32, 1, 1, 0, x, &y)
    #expect(y.allSatisfy { $0 == 0 })
  }

  @Test(arguments: KernelTable.available)
  func mayRunInPlace(_ table: KernelTable) throws {
    let kernels = try table.kernels()
    var y = [Float](repeating: 1, count: 100)
    y.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      kernels.dropout(100, HK_ELEMENT_F32, 0.5, 11, 0, base, base)
    }
    #expect(y.map { $0 != 0 } == kept(kernels, count: 100, p: 0.5, seed: 11))
  }
}
