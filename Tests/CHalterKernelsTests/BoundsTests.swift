import CHalterKernels
import Foundation
import Testing

/// Memory whose last float ends where an unreadable page begins: one read too far is a crash.
private final class Fenced {
  private static let page = 65536
  private let mapping: UnsafeMutableRawPointer

  init() throws {
    let mapped = mmap(
      nil, 2 * Self.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
    mapping = try #require(mapped)
    try #require(mapping != MAP_FAILED)
    try #require(mprotect(mapping + Self.page, Self.page, PROT_NONE) == 0)
  }

  deinit { munmap(mapping, 2 * Self.page) }

  /// The last `count` elements before the fence, each of them 1 or its like.
  func end<Element>(_ count: Int, _ value: Element) -> UnsafeMutablePointer<Element> {
    let start = mapping + Self.page - count * MemoryLayout<Element>.stride
    let typed = start.bindMemory(to: Element.self, capacity: max(count, 1))
    typed.update(repeating: value, count: count)
    return typed
  }
}

@Suite struct BoundsTests {
  @Test(arguments: KernelTable.available, sizes)
  func elementwiseKernelsStayInBounds(_ table: KernelTable, _ n: Int) throws {
    let k = try table.kernels()
    let memory = try (0..<5).map { _ in try Fenced() }
    defer { withExtendedLifetime(memory) {} }
    let m = memory.map { $0.end(n, Float(1)) }
    k.add(n, m[0], m[1], m[2])
    k.mul(n, m[0], m[1], m[2])
    k.scale(n, 2, m[0], m[2])
    k.axpy(n, 2, m[0], m[2])
    k.swiglu(n, HK_ELEMENT_F32, m[0], m[1], m[2])
    k.swiglu_backward(n, HK_ELEMENT_F32, m[0], m[1], m[2], m[3], m[4])
    k.dropout(n, HK_ELEMENT_F32, 0.5, 1, 2, m[0], m[2])
    var constants = hk_adamw_constants(
      learning_rate: 1, beta1: 0.9, beta2: 0.9, epsilon: 1, weight_decay: 0, bias_correction1: 1,
      sqrt_bias_correction2: 1, gradient_scale: 1)
    k.adamw(n, &constants, m[0], m[1], m[2], m[3])
    let blocks = (n + Int(HK_MOMENT_BLOCK) - 1) / Int(HK_MOMENT_BLOCK)
    let (codes, scales) = (
      try (0..<2).map { _ in try Fenced() }, try (0..<2).map { _ in try Fenced() }
    )
    defer { withExtendedLifetime((codes, scales)) {} }
    let (c, s) = (codes.map { $0.end(n, UInt8(1)) }, scales.map { $0.end(blocks, Float(1)) })
    var (signed, unsigned) = (hk_dynamic_code(), hk_dynamic_code())
    hk_dynamic_code_make(true, &signed)
    hk_dynamic_code_make(false, &unsigned)
    k.adamw_8bit(n, &constants, &signed, &unsigned, m[0], m[1], c[0], s[0], c[1], s[1])
    #expect(k.sum_of_squares(n, m[0]) == Double(n))
  }

  @Test(arguments: KernelTable.available, sizes)
  func rowKernelsStayInBounds(_ table: KernelTable, _ n: Int) throws {
    let k = try table.kernels()
    let memory = try (0..<6).map { _ in try Fenced() }
    defer { withExtendedLifetime(memory) {} }
    let m = memory.map { $0.end(n, Float(1)) }
    let single = try Fenced()
    let scalar = single.end(1, Float(1))
    k.rmsnorm(1, n, 1, m[0], m[1], HK_ELEMENT_F32, m[2], m[3], scalar)
    k.rmsnorm_backward(1, n, HK_ELEMENT_F32, m[0], m[1], scalar, m[2], true, m[3], m[4])
    k.scale_columns(1, n, HK_ELEMENT_F32, m[0], m[1], m[2])
    k.add_bias(1, n, m[0], HK_ELEMENT_F32, m[1])
    k.add_column_sums(1, n, HK_ELEMENT_F32, m[0], m[1])
    if n > 0 { k.cross_entropy(1, n, [0], scalar, m[4], n, scalar) }
    k.rope(1, 1, 2 * (n / 2), [0], m[0], m[1], 1, HK_ELEMENT_F32, m[5] + (n % 2), n)
  }

  @Test(arguments: KernelTable.available, sizes)
  func conversionsStayInBounds(_ table: KernelTable, _ n: Int) throws {
    let k = try table.kernels()
    let memory = try (0..<2).map { _ in try Fenced() }
    defer { withExtendedLifetime(memory) {} }
    let floats = memory[0].end(n, Float(1))
    let halves = memory[1].end(n, UInt16(0))
    k.f16_from_f32(n, floats, halves)
    k.f32_from_f16(n, halves, floats)
    k.bf16_from_f32(n, floats, halves)
    k.f32_from_bf16(n, halves, floats)
    #expect((0..<n).allSatisfy { floats[$0] == 1 })
  }

  /// Rows of every format, decoded and multiplied with nothing readable behind them.
  @Test(arguments: KernelTable.available, StoredFormat.all)
  func storedMatricesStayInBounds(_ table: KernelTable, _ format: StoredFormat) throws {
    let isa = hk_isa(rawValue: table.rawValue)
    let block = max(hk_format_block(format.code), 2)
    for (rows, columns) in [(1, block), (2, 3 * block), (35, 2 * block)] {
      let memory = try (0..<4).map { _ in try Fenced() }
      defer { withExtendedLifetime(memory) {} }
      let bytes = hk_format_bytes(format.code, columns)
      var matrix = hk_matrix(
        format: format.code, rows: rows, columns: columns, stride: bytes,
        values: memory[0].end(rows * bytes, UInt8(0)), scales: memory[1].end(rows * 32, Float(1)),
        block: 64)
      let y = memory[2].end(columns, Float(1))
      for row in 0..<rows { hk_matrix_decode(isa, &matrix, row, 0, columns, y) }
      for (m, transposed) in [(3, true), (7, true), (3, false), (20, false)] {
        let (n, k) = transposed ? (rows, columns) : (columns, rows)
        let a = memory[2].end(m * k, Float(0))
        let c = memory[3].end(m * n, Float(1))
        try multiply(isa, matrix, transposed, m: m, n: n, k: k, a, into: c)
        #expect((0..<m * n).allSatisfy { c[$0] == 0 })
      }
    }
  }

  private func multiply(
    _ isa: hk_isa, _ matrix: hk_matrix, _ transposed: Bool, m: Int, n: Int, k: Int,
    _ a: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>
  ) throws {
    let term = hk_term(
      a: a, a_type: HK_ELEMENT_F32, lda: k, a_transposed: false, w_transposed: transposed, w: matrix
    )
    for compute in [HK_COMPUTE_F32, HK_COMPUTE_BF16] {
      withUnsafePointer(to: term) { term in
        var product = hk_product(
          m: m, n: n, terms: term, term_count: 1, alpha: 1, accumulate: false, compute: compute,
          c: c, c_type: HK_ELEMENT_F32, ldc: n)
        let scratch = UnsafeMutableRawPointer.allocate(
          byteCount: max(64, hk_product_scratch(&product, isa, 1)), alignment: 64)
        defer { scratch.deallocate() }
        hk_product_run(&product, isa, nil, scratch)
      }
    }
  }
}

/// A storage format as an argument of a test.
struct StoredFormat: Sendable, CustomTestStringConvertible {
  let rawValue: UInt32

  static let all = (0..<UInt32(HK_FORMAT_COUNT)).map { StoredFormat(rawValue: $0) }

  var code: hk_format { hk_format(rawValue: rawValue) }
  var testDescription: String { "format \(rawValue)" }
}
