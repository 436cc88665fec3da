import HalterBackend
import HalterNN
import HalterRandom
import HalterTensor
import Testing

/// Numbers that are the same in every run.
func noise(_ count: Int, _ seed: UInt64, _ bound: Float = 1) -> [Float] {
  var stream = RandomStream(seed: seed)
  return stream.uniform(count: count, bound: bound)
}

/// A frozen layer with random weights.
func frozenLayer(_ inputs: Int, _ outputs: Int, _ seed: UInt64, on backend: CPUBackend) -> Linear {
  let weight = Tensor(noise(inputs * outputs, seed, 0.6), shape: [outputs, inputs], on: backend)
  return Linear(
    weight: .frozen(
      StoredMatrix(dense: weight.storage, rows: outputs, columns: inputs, backend: backend)))
}

@Suite struct TransformerTests {
  let backend = CPUBackend(threads: 2)
  static let (tokens, width, headDim) = (9, 10, 6)

  private func attention(heads: Int, kvHeads: Int, layer: Int = 0) -> SelfAttention {
    let (d, w, b) = (Self.headDim, Self.width, backend)
    return SelfAttention(
      query: frozenLayer(w, heads * d, 1, on: b), key: frozenLayer(w, kvHeads * d, 2, on: b),
      value: frozenLayer(w, kvHeads * d, 3, on: b), output: frozenLayer(heads * d, w, 4, on: b),
      heads: heads, kvHeads: kvHeads, headDim: d, layer: layer)
  }

  private func context(
    _ positions: Range<Int>, segments: [Int]? = nil, cache: KeyValueCache? = nil
  ) -> ForwardContext {
    let rotary = RotaryEmbedding(headDim: Self.headDim, theta: 100)
    let starts = segments ?? [0, positions.count]
    let (tables, rows) = rotary.tables(
      positions: positions.map { Int32($0) }, segments: starts, on: backend)
    return ForwardContext(positions: rows, tables: tables, segments: starts, cache: cache)
  }

  private func rows(_ range: Range<Int>) -> Tensor {
    let all = noise(Self.tokens * Self.width, 5)
    return Tensor(
      Array(all[range.lowerBound * Self.width..<range.upperBound * Self.width]),
      shape: [range.count, Self.width], on: backend)
  }

  private func expectClose(
    _ actual: [Float], _ expected: [Float], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(actual.count == expected.count, sourceLocation: sourceLocation)
    for (index, (a, b)) in zip(actual, expected).enumerated() where !(abs(a - b) <= 1e-5) {
      Issue.record("element \(index): \(a), not \(b)", sourceLocation: sourceLocation)
      return
    }
  }

  /// How a sequence is fed to a cache: all at once, token by token, and in pieces.
  @Test(
    arguments: [[9], [1, 1, 1, 1, 1, 1, 1, 1, 1], [4, 1, 3, 1]],
    [(4, 4), (4, 2), (3, 1)])
  func cachedAttentionEqualsTheFullPass(pieces: [Int], heads: (Int, Int)) {
    let attention = attention(heads: heads.0, kvHeads: heads.1)
    let full = attention(rows(0..<Self.tokens), context(0..<Self.tokens)).floats
    let cache = KeyValueCache(
      layers: 1, capacity: Self.tokens, width: heads.1 * Self.headDim, on: backend)
    var (cached, start) = ([Float](), 0)
    for size in pieces {
      let range = start..<start + size
      cached += attention(rows(range), context(range, cache: cache)).floats
      cache.advance(by: size)
      start += size
    }
    expectClose(cached, full)
    #expect(cache.count == Self.tokens)
  }

  @Test func aTruncatedCacheGoesOnFromThere() {
    let attention = attention(heads: 4, kvHeads: 2)
    let cache = KeyValueCache(layers: 1, capacity: 12, width: 2 * Self.headDim, on: backend)
    _ = attention(rows(0..<6), context(0..<6, cache: cache))
    cache.advance(by: 6)
    let first = attention(rows(6..<7), context(6..<7, cache: cache)).floats
    cache.advance(by: 1)
    _ = attention(rows(8..<9), context(7..<8, cache: cache))
    cache.advance(by: 1)
    cache.truncate(to: 6)
    #expect(cache.count == 6)
    #expect(attention(rows(6..<7), context(6..<7, cache: cache)).floats == first)
    cache.truncate(to: 100)
    #expect(cache.count == 6, "truncating never adds")
  }

  @Test func layersOfACacheAreApart() {
    let (first, second) = (
      attention(heads: 2, kvHeads: 1), attention(heads: 2, kvHeads: 1, layer: 1)
    )
    let cache = KeyValueCache(layers: 2, capacity: 4, width: Self.headDim, on: backend)
    // Each layer sees tokens of its own, as in a model.
    _ = first(rows(0..<2), context(0..<2, cache: cache))
    _ = second(rows(3..<5), context(0..<2, cache: cache))
    cache.advance(by: 2)
    let ofFirst = first(rows(2..<3), context(2..<3, cache: cache)).floats
    let full = first(rows(0..<3), context(0..<3)).floats
    expectClose(ofFirst, Array(full.suffix(Self.width)))
  }

  @Test func aFullCacheIsABug() async {
    await #expect(processExitsWith: .failure) {
      let suite = TransformerTests()
      let cache = KeyValueCache(layers: 1, capacity: 2, width: 6, on: suite.backend)
      _ = suite.attention(heads: 1, kvHeads: 1)(
        suite.rows(0..<3), suite.context(0..<3, cache: cache))
    }
  }

  @Test func segmentsDoNotSeeEachOther() {
    let attention = attention(heads: 4, kvHeads: 2)
    let rotary = RotaryEmbedding(headDim: Self.headDim, theta: 100)
    let positions: [Int32] = [0, 1, 2, 3, 0, 0, 1, 2, 3]
    let (tables, places) = rotary.tables(
      positions: positions, segments: [0, 4, 5, 9], on: backend)
    let packed = attention(
      rows(0..<9),
      ForwardContext(positions: places, tables: tables, segments: [0, 4, 5, 9])
    ).floats
    let apart =
      attention(rows(0..<4), context(0..<4)).floats + attention(rows(4..<5), context(0..<1)).floats
      + attention(rows(5..<9), context(0..<4)).floats
    expectClose(packed, apart)
  }

  @Test func aLaterTokenChangesNothingBeforeIt() {
    let attention = attention(heads: 4, kvHeads: 2)
    let short = attention(rows(0..<5), context(0..<5)).floats
    let long = attention(rows(0..<9), context(0..<9)).floats
    expectClose(Array(long.prefix(short.count)), short)
  }

  @Test func aGatedLayerIsItsFormula() {
    let (gate, up, down) = (
      frozenLayer(10, 7, 6, on: backend), frozenLayer(10, 7, 7, on: backend),
      frozenLayer(7, 10, 8, on: backend)
    )
    let x = rows(0..<3)
    let context = context(0..<3)
    let expected = down(gate(x, context).swiglu(up: up(x, context)), context).floats
    #expect(GatedMLP(gate: gate, up: up, down: down)(x, context).floats == expected)
    #expect(GatedMLP(gate: up, up: gate, down: down)(x, context).floats != expected)
  }

  @Test func aBlockAddsItsTwoHalvesToTheStream() {
    let attention = attention(heads: 4, kvHeads: 2)
    let mlp = GatedMLP(
      gate: frozenLayer(10, 7, 6, on: backend), up: frozenLayer(10, 7, 7, on: backend),
      down: frozenLayer(7, 10, 8, on: backend))
    func norm(_ seed: UInt64) -> RMSNorm {
      let weight = Tensor(noise(10, seed), shape: [10], on: backend)
      return RMSNorm(weight: Parameter(weight, trainable: false), epsilon: 1e-5)
    }
    let (first, second) = (norm(9), norm(10))
    let block = DecoderBlock(
      attentionNorm: first, attention: attention, mlpNorm: second, mlp: mlp)
    let (x, context) = (rows(0..<5), context(0..<5))
    let h = x + attention(first(x), context)
    #expect(block(x, context).floats == (h + mlp(second(h), context)).floats)
  }
}
