import CHalterKernels
import Foundation
import Testing

/// Attention and its gradient in each instruction set, compute type and element type, against the
/// definition in double precision, with one, two and three threads.
@Suite struct AttentionTests {
  /// Segments around the sizes of strips, tiles and blocks; heads that share keys; head sizes that
  /// are no whole number of vectors or panels; rows that are slices of longer ones.
  static let shapes =
    [[0, 1], [0, 2], [0, 63], [0, 64], [0, 65], [0, 200], [0, 0, 1, 4, 4, 67, 200]].map {
      AttentionShape(segments: $0, heads: 3, kvHeads: 1, d: 16)
    } + [
      AttentionShape(segments: [0, 513], heads: 1, kvHeads: 1, d: 16),
      AttentionShape(segments: [0, 1, 601], heads: 2, kvHeads: 1, d: 5),
      AttentionShape(segments: [0, 65], heads: 8, kvHeads: 2, d: 1),
      AttentionShape(segments: [0, 97, 103], heads: 4, kvHeads: 1, d: 64, gap: 3),
      AttentionShape(segments: [0, 97], heads: 2, kvHeads: 2, d: 80),
      AttentionShape(segments: [0, 65], heads: 2, kvHeads: 1, d: 128),
      AttentionShape(segments: [0, 65], heads: 2, kvHeads: 1, d: 256, gap: 8),
    ]

  @Test(arguments: shapes)
  func matchesTheDefinition(_ shape: AttentionShape) throws {
    let inputs = AttentionNumbers(shape, seed: shape.tokens)
    let expected = inputs.definition()
    for table in KernelTable.available {
      for (compute, elements) in AttentionShape.types {
        var first: AttentionNumbers?
        for threads in 1...3 {
          let pool = try #require(hk_pool_create(threads))
          defer { hk_pool_destroy(pool) }
          var found = inputs
          found.run(table, compute, elements, pool)
          let name = "\(table.name), compute \(compute.rawValue), elements \(elements.rawValue)"
          if let first {
            #expect(found.outputs == first.outputs, "\(name), \(threads) threads")
            continue
          }
          first = found
          // bf16 has 8 bits: 2^-9 for each of the factors, and for what is stored.
          let exact = compute == HK_COMPUTE_F32 && elements == HK_ELEMENT_F32
          for (output, (actual, wanted)) in zip(found.outputs, expected).enumerated() {
            let scale = max(1, wanted.reduce(0) { max($0, abs($1)) })
            let worst = zip(actual, wanted).reduce(0.0) { worst, pair in
              let difference = abs(Double(pair.0) - pair.1)
              return difference <= worst ? worst : difference
            }
            #expect(worst <= (exact ? 1e-5 : 1.5e-2) * scale, "\(name), output \(output)")
          }
        }
      }
    }
  }

  /// A query that begins behind cached keys gets what it gets in the whole sequence, by the kernel
  /// for few queries and by that for many, over several runs of keys.
  @Test(arguments: [1, 4, 5, 90], [1, 700])
  func cachedKeysAreSeen(_ queries: Int, _ cached: Int) throws {
    let shape = AttentionShape(
      segments: [0, cached + queries], heads: 3, kvHeads: 1, d: 20)
    let inputs = AttentionNumbers(shape, seed: cached)
    let pool = try #require(hk_pool_create(2))
    defer { hk_pool_destroy(pool) }
    for table in KernelTable.available {
      for elements in [HK_ELEMENT_F32, HK_ELEMENT_BF16] {
        var whole = inputs
        whole.run(table, HK_COMPUTE_F32, elements, pool)
        var part = inputs
        part.runCached(table, elements, queries: queries, pool)
        let width = shape.heads * shape.d
        let tolerance: Float = elements == HK_ELEMENT_F32 ? 2e-6 : 1.6e-2
        for (a, b) in zip(whole.out.suffix(queries * width), part.out.prefix(queries * width)) {
          guard abs(a - b) <= tolerance else {
            #expect(a == b, "\(table.name), elements \(elements.rawValue)")
            return
          }
        }
      }
    }
  }

  /// Scores that exceed all powers of two, and a key that takes all.
  @Test(arguments: KernelTable.available)
  func hugeScoresDoNotOverflow(_ table: KernelTable) throws {
    let shape = AttentionShape(segments: [0, 40], heads: 1, kvHeads: 1, d: 16)
    var numbers = AttentionNumbers(shape, seed: 1)
    numbers.q = numbers.q.map { abs($0) * 1e4 }
    numbers.k = numbers.k.indices.map { $0 / 16 == 7 ? 1e4 : -1e4 }
    let pool = try #require(hk_pool_create(1))
    defer { hk_pool_destroy(pool) }
    numbers.run(table, HK_COMPUTE_F32, HK_ELEMENT_F32, pool)
    #expect(numbers.outputs.allSatisfy { $0.allSatisfy(\.isFinite) })
    #expect(Array(numbers.out[30 * 16..<31 * 16]) == Array(numbers.v[7 * 16..<8 * 16]))
  }

  /// Working memory grows with the longest segment, not with its square or the number of segments.
  @Test func workingMemoryIsBounded() {
    func bytes(_ segments: [Int], _ threads: Int) -> Int {
      let shape = AttentionShape(segments: segments, heads: 9, kvHeads: 3, d: 64)
      return segments.withUnsafeBufferPointer { segments -> Int in
        guard let start = segments.baseAddress else { return 0 }
        var attention = shape.attention(start, HK_COMPUTE_BF16, HK_ELEMENT_F32)
        return hk_attention_backward_scratch(&attention, HK_ISA_PORTABLE, threads)
      }
    }
    let one = bytes([0, 2048], 1)
    #expect(one < 24 << 20)
    #expect(bytes(Array(stride(from: 0, through: 1 << 16, by: 512)), 1) < 24 << 20)
    #expect(bytes([0, 1 << 15], 1) < 8 * one)
    #expect(bytes([0, 2048], 2) - one < 1 << 20)
  }
}

/// What a call of attention is over.
struct AttentionShape: Sendable, CustomTestStringConvertible {
  let segments: [Int]
  let heads, kvHeads, d: Int
  /// Elements between the rows.
  var gap = 0

  static let types = [
    (HK_COMPUTE_F32, HK_ELEMENT_F32), (HK_COMPUTE_BF16, HK_ELEMENT_F32),
    (HK_COMPUTE_F32, HK_ELEMENT_BF16), (HK_COMPUTE_BF16, HK_ELEMENT_BF16),
  ]

  var tokens: Int { segments.last ?? 0 }
  var queryPitch: Int { heads * d + gap }
  var keyPitch: Int { kvHeads * d + gap }
  var testDescription: String { "\(segments), \(heads) over \(kvHeads) × \(d)" }

  /// The call, without its matrices.
  func attention(
    _ segments: UnsafePointer<Int>, _ compute: hk_compute, _ elements: hk_element
  ) -> hk_attention {
    let queries = hk_rows(data: nil, ld: queryPitch)
    let keys = hk_rows(data: nil, ld: keyPitch)
    return hk_attention(
      segments: segments, segment_count: self.segments.count - 1, cached: 0, heads: heads,
      kv_heads: kvHeads, head_dim: d, scale: 1 / Float(d).squareRoot(), compute: compute,
      type: elements, q: queries, k: keys, v: keys, out: queries, lse: nil, d_out: queries,
      dq: queries, dk: keys, dv: keys)
  }
}

/// The matrices of a call. What is read is exact in bf16; what is written begins as a mark, which
/// stays in the gaps between rows.
struct AttentionNumbers {
  let shape: AttentionShape
  var q, k, v, dOut: [Float]
  var out, lse, dq, dk, dv: [Float]
  private static let mark: Float = 12288

  init(_ shape: AttentionShape, seed: Int) {
    var noise = Noise(seed)
    func numbers(_ count: Int) -> [Float] {
      noise.floats(count, in: -1.7...1.7).map {
        Float(bitPattern: $0.bitPattern & 0xffff_0000)
      }
    }
    self.shape = shape
    let (queries, keys) = (shape.tokens * shape.queryPitch, shape.tokens * shape.keyPitch)
    (q, k, v, dOut) = (numbers(queries), numbers(keys), numbers(keys), numbers(queries))
    out = Array(repeating: Self.mark, count: queries)
    dq = out
    dk = Array(repeating: Self.mark, count: keys)
    dv = dk
    lse = Array(repeating: Self.mark, count: shape.tokens * shape.heads)
  }

  var outputs: [[Float]] { [out, lse, dq, dk, dv] }

  /// A copy of a matrix as elements of a type.
  private func stored(_ x: [Float], _ elements: hk_element) -> [UInt8] {
    elements == HK_ELEMENT_F32
      ? x.withUnsafeBytes(Array.init)
      : x.map { UInt16(($0.bitPattern + 0x7fff + ($0.bitPattern >> 16 & 1)) >> 16) }
        .withUnsafeBytes(Array.init)
  }

  private func restored(_ x: [UInt8], _ elements: hk_element) -> [Float] {
    x.withUnsafeBytes { bytes in
      elements == HK_ELEMENT_F32
        ? Array(bytes.bindMemory(to: Float.self))
        : bytes.bindMemory(to: UInt16.self).map { Float(bitPattern: UInt32($0) << 16) }
    }
  }

  mutating func run(
    _ table: KernelTable, _ compute: hk_compute, _ elements: hk_element, _ pool: OpaquePointer
  ) {
    call(table, compute, elements, shape.segments, first: 0, pool)
  }

  /// The forward pass of the last queries alone, which become the first rows of `out`.
  mutating func runCached(
    _ table: KernelTable, _ elements: hk_element, queries: Int, _ pool: OpaquePointer
  ) {
    call(
      table, HK_COMPUTE_F32, elements, [0, queries], first: shape.tokens - queries, pool)
  }

  private mutating func call(
    _ table: KernelTable, _ compute: hk_compute, _ elements: hk_element, _ segments: [Int],
    first: Int, _ pool: OpaquePointer
  ) {
    let isa = hk_isa(rawValue: table.rawValue)
    var matrices = [q, k, v, out, dOut, dq, dk, dv].map { stored($0, elements) }
    let size = elements == HK_ELEMENT_F32 ? 4 : 2
    let shape = shape
    var lse = lse
    lse.withUnsafeMutableBufferPointer { lse in
      segments.withUnsafeBufferPointer { segments in
        guard let start = segments.baseAddress else { return }
        var attention = shape.attention(start, compute, elements)
        attention.cached = first
        attention.lse = lse.baseAddress
        let memory = matrices.map { matrix in
          let copy = UnsafeMutableRawPointer.allocate(byteCount: matrix.count, alignment: 4)
          copy.copyMemory(from: matrix, byteCount: matrix.count)
          return copy
        }
        attention.q.data = memory[0] + first * shape.queryPitch * size
        attention.k.data = memory[1]
        attention.v.data = memory[2]
        attention.out.data = memory[3]
        attention.d_out.data = memory[4]
        attention.dq.data = memory[5]
        attention.dk.data = memory[6]
        attention.dv.data = memory[7]
        Self.withScratch(hk_attention_forward_scratch(&attention, isa, hk_pool_threads(pool))) {
          hk_attention_forward(&attention, isa, pool, $0)
        }
        if first == 0 {
          Self.withScratch(hk_attention_backward_scratch(&attention, isa, hk_pool_threads(pool))) {
            hk_attention_backward(&attention, isa, pool, $0)
          }
        }
        for (index, copy) in memory.enumerated() {
          matrices[index] = Array(UnsafeRawBufferPointer(start: copy, count: matrices[index].count))
          copy.deallocate()
        }
      }
    }
    self.lse = lse
    out = restored(matrices[3], elements)
    dq = restored(matrices[5], elements)
    dk = restored(matrices[6], elements)
    dv = restored(matrices[7], elements)
  }

  /// Working memory full of NaN.
  private static func withScratch(_ bytes: Int, _ body: (UnsafeMutableRawPointer) -> Void) {
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    memset(scratch, 0xff, bytes)
    body(scratch)
    scratch.deallocate()
  }

  /// out, lse, dq, dk and dv by definition.
  func definition() -> [[Double]] {
    let (d, group) = (shape.d, shape.heads / shape.kvHeads)
    let factor = Double(1 / Float(d).squareRoot())
    var (out, dq) = (outputs[0].map(Double.init), outputs[2].map(Double.init))
    var (dk, dv) = (outputs[3].map(Double.init), outputs[4].map(Double.init))
    var lse = [Double](repeating: 0, count: shape.tokens * shape.heads)
    for row in 0..<shape.tokens {
      for i in 0..<shape.kvHeads * d {
        dk[row * shape.keyPitch + i] = 0
        dv[row * shape.keyPitch + i] = 0
      }
      for i in 0..<shape.heads * d {
        out[row * shape.queryPitch + i] = 0
        dq[row * shape.queryPitch + i] = 0
      }
    }
    for (start, end) in zip(shape.segments, shape.segments.dropFirst()) {
      for head in 0..<shape.heads {
        for query in start..<end {
          let at = query * shape.queryPitch + head * d
          let keys = (start...query).map { $0 * shape.keyPitch + head / group * d }
          var (p, dp) = ([Double](), [Double]())
          for key in keys {
            var (score, gradient) = (0.0, 0.0)
            for i in 0..<d {
              score += Double(q[at + i]) * Double(k[key + i])
              gradient += Double(dOut[at + i]) * Double(v[key + i])
            }
            p.append(score * factor)
            dp.append(gradient)
          }
          let largest = p.reduce(-Double.infinity, max)
          let total = largest + log(p.reduce(0) { $0 + exp($1 - largest) })
          lse[head * shape.tokens + query] = total
          p = p.map { exp($0 - total) }
          let mean = zip(p, dp).reduce(0) { $0 + $1.0 * $1.1 }
          for (index, key) in keys.enumerated() {
            let ds = factor * p[index] * (dp[index] - mean)
            for i in 0..<d {
              out[at + i] += p[index] * Double(v[key + i])
              dv[key + i] += p[index] * Double(dOut[at + i])
              dq[at + i] += ds * Double(k[key + i])
              dk[key + i] += ds * Double(q[at + i])
            }
          }
        }
      }
    }
    return [out, lse, dq, dk, dv]
  }
}
