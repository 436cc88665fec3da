import CHalterKernels
import Foundation
import Testing

@Suite struct ConversionTests {
  static let patterns = Array(UInt16.min...UInt16.max)

  /// Floats at, just below and just above every f16 and bf16 number and every midpoint between two.
  static let edges: [Float] = patterns.flatMap { pattern -> [Float] in
    let half = Float(Float16(bitPattern: pattern))
    let brain = UInt32(pattern) << 16
    return [
      half, Float(bitPattern: half.bitPattern &+ 1), Float(bitPattern: half.bitPattern &+ 0xfff),
      Float(bitPattern: half.bitPattern &+ 0x1000), Float(bitPattern: half.bitPattern &+ 0x1001),
      Float(bitPattern: brain), Float(bitPattern: brain | 0x7fff),
      Float(bitPattern: brain | 0x8000), Float(bitPattern: brain | 0x8001),
    ]
  }

  /// Rounds to nearest even by the bits.
  func brain(_ x: Float) -> UInt16 {
    let bits = x.bitPattern
    if x.isNaN { return UInt16(bits >> 16) | 0x40 }
    let rest = bits & 0xffff
    let up = rest > 0x8000 || rest == 0x8000 && bits >> 16 & 1 == 1
    return UInt16(bits >> 16) + (up ? 1 : 0)
  }

  @Test(arguments: KernelTable.available)
  func everyHalfBecomesItsFloat(_ table: KernelTable) throws {
    var y = [Float](repeating: 0, count: 65536)
    try table.kernels().f32_from_f16(65536, Self.patterns, &y)
    #expect(sameBits(y, Self.patterns.map { Float(Float16(bitPattern: $0)) }))
  }

  @Test(arguments: KernelTable.available)
  func everyBrainFloatBecomesItsFloat(_ table: KernelTable) throws {
    var y = [Float](repeating: 0, count: 65536)
    try table.kernels().f32_from_bf16(65536, Self.patterns, &y)
    #expect(y.map(\.bitPattern) == Self.patterns.map { UInt32($0) << 16 })
  }

  @Test(arguments: KernelTable.available)
  func everyHalfSurvivesARoundTrip(_ table: KernelTable) throws {
    let kernels = try table.kernels()
    var floats = [Float](repeating: 0, count: 65536)
    var halves = [UInt16](repeating: 0, count: 65536)
    kernels.f32_from_f16(65536, Self.patterns, &floats)
    kernels.f16_from_f32(65536, floats, &halves)
    // Signalling NaNs come back quiet.
    let expected = Self.patterns.map { Float16(bitPattern: $0).isNaN ? $0 | 0x200 : $0 }
    #expect(halves == expected)
  }

  @Test(arguments: KernelTable.available)
  func everyBrainFloatSurvivesARoundTrip(_ table: KernelTable) throws {
    let kernels = try table.kernels()
    var floats = [Float](repeating: 0, count: 65536)
    var back = [UInt16](repeating: 0, count: 65536)
    kernels.f32_from_bf16(65536, Self.patterns, &floats)
    kernels.bf16_from_f32(65536, floats, &back)
    #expect(back == zip(floats, Self.patterns).map { $0.isNaN ? $1 | 0x40 : $1 })
  }

  @Test(arguments: KernelTable.available)
  func floatsRoundToTheNearestHalf(_ table: KernelTable) throws {
    let n = Self.edges.count
    var y = [UInt16](repeating: 0, count: n)
    try table.kernels().f16_from_f32(n, Self.edges, &y)
    let wrong = zip(Self.edges, y).first { x, found in
      x.isNaN ? !Float16(bitPattern: found).isNaN : Float16(x).bitPattern != found
    }
    #expect(wrong == nil)
  }

  @Test(arguments: KernelTable.available)
  func floatsRoundToTheNearestBrainFloat(_ table: KernelTable) throws {
    let n = Self.edges.count
    var y = [UInt16](repeating: 0, count: n)
    try table.kernels().bf16_from_f32(n, Self.edges, &y)
    #expect(y == Self.edges.map(brain))
  }

  @Test(arguments: KernelTable.available)
  func allTablesGiveTheSameBits(_ table: KernelTable) throws {
    let n = Self.edges.count
    let (kernels, portable) = (try table.kernels(), try KernelTable.portable())
    var (a, b) = ([UInt16](repeating: 0, count: n), [UInt16](repeating: 0, count: n))
    kernels.f16_from_f32(n, Self.edges, &a)
    portable.f16_from_f32(n, Self.edges, &b)
    #expect(a == b)
    var (x, y) = ([Float](repeating: 0, count: 65536), [Float](repeating: 0, count: 65536))
    kernels.f32_from_f16(65536, Self.patterns, &x)
    portable.f32_from_f16(65536, Self.patterns, &y)
    #expect(x.map(\.bitPattern) == y.map(\.bitPattern))
  }

  @Test(arguments: KernelTable.available, sizes)
  func tailsAreConvertedAndNoMore(_ table: KernelTable, _ n: Int) throws {
    var noise = Noise(n)
    let kernels = try table.kernels()
    let x = noise.floats(n)
    var halves = [UInt16](repeating: 0xabcd, count: n + guardCount)
    kernels.f16_from_f32(n, x, &halves)
    #expect(Array(halves[..<n]) == x.map { Float16($0).bitPattern })
    #expect(halves[n...].allSatisfy { $0 == 0xabcd })
    var floats = output(n)
    kernels.f32_from_f16(n, halves, &floats)
    expectClose(floats, x.map { Double(Float16($0)) }, relative: 0)
    kernels.bf16_from_f32(n, x, &halves)
    #expect(Array(halves[..<n]) == x.map(brain))
    #expect(halves[n...].allSatisfy { $0 == 0xabcd })
    kernels.f32_from_bf16(n, halves, &floats)
    expectClose(floats, x.map { Double(Float(bitPattern: UInt32(brain($0)) << 16)) }, relative: 0)
  }
}

@Suite struct BlockTests {
  static let blockCounts = [0, 1, 2, 3, 1000]

  /// Random blocks; the first scales are 0, -0, subnormal, the largest, infinite and NaN.
  func blocks(_ count: Int, bytes: Int, scales: Int) -> [UInt8] {
    var noise = Noise(count + bytes)
    var data = noise.bytes(count * bytes)
    let special: [UInt16] = [0, 0x8000, 1, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x7c01]
    for block in 0..<min(count, 2 * special.count) {
      for scale in 0..<scales {
        let bits = special[(block + 3 * scale) % special.count]
        data[block * bytes + 2 * scale] = UInt8(bits & 0xff)
        data[block * bytes + 2 * scale + 1] = UInt8(bits >> 8)
      }
    }
    return data
  }

  /// One row of blocks of 32 elements.
  func decode(
    _ table: KernelTable, _ format: hk_format, _ count: Int, _ data: [UInt8], _ y: inout [Float]
  ) {
    data.withUnsafeBytes { bytes in
      var matrix = hk_matrix(
        format: format, rows: 1, columns: count * 32, stride: data.count,
        values: bytes.baseAddress, scales: nil, block: 0)
      hk_matrix_decode(hk_isa(rawValue: table.rawValue), &matrix, 0, 0, count * 32, &y)
    }
  }

  func half(_ data: [UInt8], _ at: Int) -> Float {
    Float(Float16(bitPattern: UInt16(data[at]) | UInt16(data[at + 1]) << 8))
  }

  func expectBits(_ y: [Float], _ expected: [Float]) {
    #expect(sameBits(Array(y[..<expected.count]), expected))
    #expect(y[expected.count...].allSatisfy { $0 == guardValue })
  }

  @Test(arguments: KernelTable.available, blockCounts)
  func q8_0(_ table: KernelTable, _ count: Int) throws {
    let data = blocks(count, bytes: 34, scales: 1)
    var y = output(count * 32)
    decode(table, HK_FORMAT_Q8_0, count, data, &y)
    let expected = (0..<count * 32).map { i -> Float in
      let start = i / 32 * 34
      return Float(Int8(bitPattern: data[start + 2 + i % 32])) * half(data, start)
    }
    expectBits(y, expected)
  }

  @Test(arguments: KernelTable.available, blockCounts)
  func q4_0(_ table: KernelTable, _ count: Int) throws {
    let data = blocks(count, bytes: 18, scales: 1)
    var y = output(count * 32)
    decode(table, HK_FORMAT_Q4_0, count, data, &y)
    let expected = (0..<count * 32).map { i -> Float in
      let (start, j) = (i / 32 * 18, i % 32)
      let byte = data[start + 2 + j % 16]
      return Float(Int(j < 16 ? byte & 15 : byte >> 4) - 8) * half(data, start)
    }
    expectBits(y, expected)
  }

  @Test(arguments: KernelTable.available, blockCounts)
  func q4_1(_ table: KernelTable, _ count: Int) throws {
    let data = blocks(count, bytes: 20, scales: 2)
    var y = output(count * 32)
    decode(table, HK_FORMAT_Q4_1, count, data, &y)
    let expected = (0..<count * 32).map { i -> Float in
      let (start, j) = (i / 32 * 20, i % 32)
      let byte = data[start + 4 + j % 16]
      return Float(j < 16 ? byte & 15 : byte >> 4) * half(data, start) + half(data, start + 2)
    }
    expectBits(y, expected)
  }
}
