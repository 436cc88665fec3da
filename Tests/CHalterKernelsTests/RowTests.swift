import CHalterKernels
import Foundation
import Testing

@Suite struct RMSNormTests {
  let rows = 3
  let epsilon: Float = 1e-5

  func factor(_ x: ArraySlice<Float>) -> Double {
    let squares = x.reduce(0) { $0 + Double($1) * Double($1) }
    return 1 / (squares / Double(x.count) + Double(epsilon)).squareRoot()
  }

  @Test(arguments: KernelTable.available, sizes.dropFirst())
  func matchesTheDefinition(_ table: KernelTable, _ d: Int) throws {
    var noise = Noise(d)
    let (x, w) = (noise.floats(rows * d), noise.floats(d))
    var (y, rstd) = (output(rows * d), output(rows))
    try table.kernels().rmsnorm(rows, d, epsilon, x, w, HK_ELEMENT_F32, &y, nil, &rstd)
    let factors = (0..<rows).map { factor(x[$0 * d..<($0 + 1) * d]) }
    expectClose(rstd, factors, relative: 3e-7)
    let expected = x.indices.map { Double(x[$0]) * factors[$0 / d] * Double(w[$0 % d]) }
    expectClose(y, expected, relative: 5e-7)
  }

  @Test(arguments: KernelTable.available)
  func zeroRowsAndZeroInputs(_ table: KernelTable) throws {
    let kernels = try table.kernels()
    let zeros = [Float](repeating: 0, count: 37)
    var (y, rstd) = (output(37), output(1))
    kernels.rmsnorm(0, 37, epsilon, zeros, zeros, HK_ELEMENT_F32, &y, nil, &rstd)
    #expect(rstd[0] == 0)
    let ones = [Float](repeating: 1, count: 37)
    kernels.rmsnorm(1, 37, epsilon, zeros, ones, HK_ELEMENT_F32, &y, nil, &rstd)
    expectClose(y, [Double](repeating: 0, count: 37), relative: 0)
    expectClose(rstd, [1 / Double(epsilon).squareRoot()], relative: 1e-6)
  }

  @Test(arguments: KernelTable.available, sizes.dropFirst())
  func backwardMatchesTheDerivative(_ table: KernelTable, _ d: Int) throws {
    var noise = Noise(d)
    let (x, w, dy) = (noise.floats(rows * d), noise.floats(d), noise.floats(rows * d))
    let factors = (0..<rows).map { factor(x[$0 * d..<($0 + 1) * d]) }
    let start = noise.floats(d)
    var (dx, dw) = (output(rows * d), output(d, start))
    let h = x.indices.map { Float(Double(x[$0]) * factors[$0 / d]) }
    try table.kernels().rmsnorm_backward(
      rows, d, HK_ELEMENT_F32, h, w, factors.map(Float.init), dy, false, &dx, &dw)
    var expectedX = [Double](repeating: 0, count: rows * d)
    var expectedW = start.map(Double.init)
    for row in 0..<rows {
      let r = factors[row]
      let range = row * d..<(row + 1) * d
      let mean =
        range.reduce(0) { $0 + Double(dy[$1]) * Double(w[$1 - row * d]) * Double(x[$1]) * r }
        / Double(d)
      for i in range {
        let h = Double(x[i]) * r
        expectedX[i] = r * (Double(dy[i]) * Double(w[i - row * d]) - h * mean)
        expectedW[i - row * d] += Double(dy[i]) * h
      }
    }
    expectClose(dx, expectedX, relative: 2e-6, absolute: 4e-6)
    expectClose(dw, expectedW, relative: 1e-6, absolute: 2e-6)
  }

  @Test(arguments: KernelTable.available)
  func backwardWithoutWeightGradientGivesTheSameInputGradient(_ table: KernelTable) throws {
    var noise = Noise(6)
    let d = 67
    let kernels = try table.kernels()
    let (x, w, dy) = (noise.floats(rows * d), noise.floats(d), noise.floats(rows * d))
    let rstd: [Float] = [0.5, 0.6, 0.7]
    var (with, without, dw) = (output(rows * d), output(rows * d), output(d))
    kernels.rmsnorm_backward(rows, d, HK_ELEMENT_F32, x, w, rstd, dy, false, &with, &dw)
    kernels.rmsnorm_backward(rows, d, HK_ELEMENT_F32, x, w, rstd, dy, false, &without, nil)
    #expect(with == without)
    kernels.rmsnorm_backward(rows, d, HK_ELEMENT_F32, x, w, rstd, dy, true, &with, nil)
    expectClose(with, without[..<(rows * d)].map { 2 * Double($0) }, relative: 1e-6)
  }

  @Test(arguments: KernelTable.available)
  func oneNaNSpoilsItsRowOnly(_ table: KernelTable) throws {
    var x = [Float](repeating: 1, count: 40)
    x[17] = .nan
    var (y, rstd) = (output(40), output(2))
    try table.kernels().rmsnorm(
      2, 20, epsilon, x, x.map { _ in 1 }, HK_ELEMENT_F32, &y, nil, &rstd)
    #expect(y[..<20].allSatisfy { $0.isNaN })
    #expect(y[20..<40].allSatisfy { abs($0 - 1) < 1e-5 })
  }
}

@Suite struct RowSumTests {
  @Test(arguments: KernelTable.available, sizes)
  func biasIsAddedToEveryRow(_ table: KernelTable, _ d: Int) throws {
    var noise = Noise(d)
    let (bias, start) = (noise.floats(d), noise.floats(5 * d))
    var y = output(5 * d, start)
    try table.kernels().add_bias(5, d, bias, HK_ELEMENT_F32, &y)
    expectClose(y, start.indices.map { Double(start[$0] + bias[$0 % d]) }, relative: 0)
  }

  @Test(arguments: KernelTable.available, sizes)
  func columnSumsAddToWhatIsThere(_ table: KernelTable, _ d: Int) throws {
    for rows in [0, 1, 3, 4, 5, 11] {
      var noise = Noise(d + rows)
      let (x, start) = (noise.floats(rows * d), noise.floats(d))
      var out = output(d, start)
      try table.kernels().add_column_sums(rows, d, HK_ELEMENT_F32, x, &out)
      let expected = (0..<d).map { j in
        (0..<rows).reduce(Double(start[j])) { $0 + Double(x[$1 * d + j]) }
      }
      expectClose(out, expected, relative: 1e-6, absolute: 4e-6)
    }
  }
}

@Suite struct RopeTests {
  static let positions: [Int32] = [4, 0, 2, 2]
  static let heads = 3

  func tables(_ half: Int) -> (cosines: [Float], sines: [Float]) {
    let angles = (0..<5 * half).map {
      Double($0 / max(half, 1)) * pow(10, -Double($0 % max(half, 1)) / 8)
    }
    return (angles.map { Float(cos($0)) }, angles.map { Float(sin($0)) })
  }

  @Test(arguments: KernelTable.available, [0, 2, 4, 6, 16, 30, 32, 64, 66, 128, 200])
  func rotatesHalves(_ table: KernelTable, _ d: Int) throws {
    var noise = Noise(d)
    let half = d / 2
    let ld = Self.heads * d + 7
    let (cosines, sines) = tables(half)
    let start = noise.floats(4 * ld)
    for sign in [1, -1] as [Float] {
      var x = output(4 * ld, start)
      try table.kernels().rope(
        4, Self.heads, d, Self.positions, cosines, sines, sign, HK_ELEMENT_F32, &x, ld)
      var expected = start.map(Double.init)
      for row in 0..<4 {
        for head in 0..<Self.heads {
          for j in 0..<half {
            let low = row * ld + head * d + j
            let at = Int(Self.positions[row]) * half + j
            let (c, s) = (Double(cosines[at]), Double(sign * sines[at]))
            let (a, b) = (Double(start[low]), Double(start[low + half]))
            expected[low] = a * c - s * b
            expected[low + half] = b * c + s * a
          }
        }
      }
      expectClose(x, expected, relative: 1e-6, absolute: 1e-6)
    }
  }

  @Test(arguments: KernelTable.available)
  func backwardUndoesForward(_ table: KernelTable) throws {
    var noise = Noise(3)
    let kernels = try table.kernels()
    let (cosines, sines) = tables(20)
    let ld = Self.heads * 40
    let start = noise.floats(4 * ld)
    var x = output(4 * ld, start)
    kernels.rope(4, Self.heads, 40, Self.positions, cosines, sines, 1, HK_ELEMENT_F32, &x, ld)
    #expect(Array(x[..<start.count]) != start)
    kernels.rope(4, Self.heads, 40, Self.positions, cosines, sines, -1, HK_ELEMENT_F32, &x, ld)
    expectClose(x, start.map(Double.init), relative: 1e-6, absolute: 1e-6)
  }

  @Test(arguments: KernelTable.available)
  func positionZeroIsUntouched(_ table: KernelTable) throws {
    var noise = Noise(3)
    let (cosines, sines) = tables(11)
    let start = noise.floats(22)
    var x = output(22, start)
    try table.kernels().rope(1, 1, 22, [0], cosines, sines, 1, HK_ELEMENT_F32, &x, 22)
    expectClose(x, start.map(Double.init), relative: 0)
  }
}
