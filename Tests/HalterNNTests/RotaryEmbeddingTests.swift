import Foundation
import HalterBackend
import HalterNN
import HalterTensor
import Testing

/// Frequencies against formulas worked by hand: with base 10000 and heads of 8 the unscaled ones
/// are 1, 0.1, 0.01 and 0.001.
@Suite struct RotaryEmbeddingTests {
  let backend = CPUBackend(threads: 1)

  private func expectClose(
    _ actual: [Double], _ expected: [Double], relative: Double = 1e-12,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(actual.count == expected.count, sourceLocation: sourceLocation)
    for (a, b) in zip(actual, expected) {
      #expect(abs(a - b) <= relative * abs(b), "\(a), not \(b)", sourceLocation: sourceLocation)
    }
  }

  private func frequencies(_ scaling: RotaryScaling, length: Int = 1) -> [Double] {
    RotaryEmbedding(headDim: 8, theta: 10_000, scaling: scaling).frequencies(length: length)
  }

  @Test func unscaled() {
    expectClose(frequencies(.none), [1, 0.1, 0.01, 0.001])
    expectClose(RotaryEmbedding(headDim: 2, theta: 500).frequencies(length: 1), [1])
    expectClose(frequencies(.none, length: 100_000), [1, 0.1, 0.01, 0.001])
  }

  @Test func linear() {
    expectClose(frequencies(.linear(factor: 4)), [0.25, 0.025, 0.0025, 0.00025])
  }

  @Test func divisors() {
    expectClose(frequencies(.divisors([1, 2, 4, 8])), [1, 0.05, 0.0025, 0.000125])
  }

  @Test func dynamicUpToTheOriginalLength() {
    let scaling = RotaryScaling.dynamic(factor: 2, originalLength: 16)
    expectClose(frequencies(scaling, length: 16), [1, 0.1, 0.01, 0.001])
  }

  /// At twice the length with factor 2 the base grows by (2 · 2 - 1)^(8/6), which divides
  /// frequency i by 3^(i/3).
  @Test func dynamicBeyondTheOriginalLength() {
    let scaling = RotaryScaling.dynamic(factor: 2, originalLength: 16)
    expectClose(
      frequencies(scaling, length: 32),
      [1, 0.1 / pow(3, 1.0 / 3), 0.01 / pow(3, 2.0 / 3), 0.001 / 3])
  }

  /// Wavelengths 6.3, 63, 628 and 6283 against 1000 / 4 and 1000 / 1: two kept, one between, one
  /// divided.
  @Test func llama3() {
    let scaling = RotaryScaling.llama3(
      factor: 8, lowFrequency: 1, highFrequency: 4, originalLength: 1000)
    let smooth = (1000 / (200 * Double.pi) - 1) / 3
    expectClose(
      frequencies(scaling), [1, 0.1, (1 - smooth) * 0.01 / 8 + smooth * 0.01, 0.001 / 8])
  }

  /// 32 rotations in 1000 tokens lie at dimension 0.70, one rotation at 2.20; rounded outwards
  /// that is 0 and 3, so the share of interpolation is 0, 1/3, 2/3 and 1.
  @Test func yarn() {
    let scaling = RotaryScaling.yarn(.init(factor: 4, originalLength: 1000))
    expectClose(frequencies(scaling), [1, 0.1 * 0.75, 0.01 * 0.5, 0.001 * 0.25])
  }

  @Test func yarnWithoutRounding() {
    func dimension(_ rotations: Double) -> Double {
      8 * log(1000 / (rotations * 2 * Double.pi)) / (2 * log(10_000))
    }
    let (low, high) = (dimension(32), dimension(1))
    let scaling = RotaryScaling.yarn(.init(factor: 4, originalLength: 1000, truncate: false))
    let expected = [1, 0.1, 0.01, 0.001].enumerated().map { index, f in
      let share = min(1, max(0, (Double(index) - low) / (high - low)))
      return f * (1 - share) + f / 4 * share
    }
    expectClose(frequencies(scaling), expected)
  }

  @Test func factorsOnAttention() {
    func factor(_ scaling: RotaryScaling) -> Double {
      RotaryEmbedding(headDim: 8, theta: 10_000, scaling: scaling).attentionFactor
    }
    #expect(factor(.none) == 1 && factor(.linear(factor: 8)) == 1)
    expectClose(
      [
        factor(.yarn(.init(factor: 4, originalLength: 1000))),
        factor(.yarn(.init(factor: 4, originalLength: 1000, attentionFactor: 1.5))),
        factor(.yarn(.init(factor: 40, originalLength: 4096, mscale: 0.707, mscaleAllDim: 0.5))),
        factor(.yarn(.init(factor: 0.5, originalLength: 1000))),
      ],
      [
        0.1 * log(4) + 1, 1.5, (0.0707 * log(40) + 1) / (0.05 * log(40) + 1), 1,
      ])
  }

  /// The angles of a token are those of its position at the frequencies of its segment.
  private func expectAngles(
    _ embedding: RotaryEmbedding, positions: [Int32], segments: [Int], lengths: [Int],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let (tables, rows) = embedding.tables(
      positions: positions, segments: segments, on: backend)
    let half = embedding.headDim / 2
    let (cosines, sines, row) = (tables.cosines.floats, tables.sines.floats, rows.integers)
    #expect(tables.headDim == embedding.headDim, sourceLocation: sourceLocation)
    #expect(row.count == positions.count, sourceLocation: sourceLocation)
    for token in positions.indices {
      let frequencies = embedding.frequencies(length: lengths[token])
      for pair in 0..<half {
        let angle = Double(positions[token]) * frequencies[pair]
        let index = Int(row[token]) * half + pair
        let scale = embedding.attentionFactor
        let error = max(
          abs(Double(cosines[index]) - scale * cos(angle)),
          abs(Double(sines[index]) - scale * sin(angle)))
        // The angle is computed in f32.
        #expect(error < 1e-6 + 2e-7 * angle, "token \(token)", sourceLocation: sourceLocation)
      }
    }
  }

  @Test func tablesOfSegments() {
    let embedding = RotaryEmbedding(headDim: 8, theta: 10_000)
    expectAngles(
      embedding, positions: [0, 1, 2, 0, 0, 1], segments: [0, 3, 4, 6],
      lengths: [3, 3, 3, 1, 2, 2])
  }

  @Test func tablesCarryTheFactorOfYaRN() {
    let embedding = RotaryEmbedding(
      headDim: 8, theta: 10_000, scaling: .yarn(.init(factor: 4, originalLength: 1000)))
    expectAngles(
      embedding, positions: [0, 1, 2000], segments: [0, 3], lengths: [2001, 2001, 2001])
  }

  @Test func aLaterPositionNeedsNoTableUpToIt() {
    let embedding = RotaryEmbedding(headDim: 8, theta: 10_000)
    expectAngles(embedding, positions: [1999], segments: [0, 1], lengths: [2000])
    let (tables, _) = embedding.tables(positions: [1999], segments: [0, 1], on: backend)
    #expect(tables.positions == 1)
  }

  @Test func noTokensAtAll() {
    let embedding = RotaryEmbedding(headDim: 8, theta: 10_000)
    let (_, rows) = embedding.tables(positions: [], segments: [0], on: backend)
    #expect(rows.integers == [])
  }

  /// Only the segment beyond 4 tokens is stretched, and by its own length.
  @Test func dynamicTablesFollowEachSegment() {
    let embedding = RotaryEmbedding(
      headDim: 8, theta: 10_000, scaling: .dynamic(factor: 2, originalLength: 4))
    let lengths = [6, 1, 0, 4, 9]
    let positions = lengths.flatMap { (0..<Int32($0)) }
    let segments = lengths.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1) }
    expectAngles(
      embedding, positions: positions, segments: segments,
      lengths: lengths.flatMap { [Int](repeating: $0, count: $0) })
  }

  @Test func dynamicTablesWhileGenerating() {
    let embedding = RotaryEmbedding(
      headDim: 8, theta: 10_000, scaling: .dynamic(factor: 2, originalLength: 4))
    expectAngles(embedding, positions: [3], segments: [0, 1], lengths: [4])
    expectAngles(embedding, positions: [7], segments: [0, 1], lengths: [8])
    expectAngles(embedding, positions: [5, 6, 7], segments: [0, 3], lengths: [8, 8, 8])
  }
}
