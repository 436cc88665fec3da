import Foundation
import HalterBackend
import HalterTensor
import Testing

@Suite struct AttentionGradientTests {
  /// softmax(scale · q kᵀ) v by its definition, in double precision.
  private func definition(
    _ geometry: AttentionGeometry, _ q: [Double], _ k: [Double], _ v: [Double]
  ) -> [Double] {
    let (heads, kvHeads, d) = (geometry.heads, geometry.kvHeads, geometry.headDim)
    var y: [Double] = []
    for (start, end) in zip(geometry.segments, geometry.segments.dropFirst()) {
      for token in start..<end {
        for head in 0..<heads {
          let kv = head / (heads / kvHeads)
          let weights = (start...token).map { key in
            exp(
              Double(geometry.scale)
                * (0..<d).reduce(0.0) {
                  $0 + q[(token * heads + head) * d + $1] * k[(key * kvHeads + kv) * d + $1]
                })
          }
          let sum = weights.reduce(0, +)
          for j in 0..<d {
            y.append(
              zip(start...token, weights).reduce(0.0) {
                $0 + $1.1 / sum * v[($1.0 * kvHeads + kv) * d + j]
              })
          }
        }
      }
    }
    return y
  }

  private func check(_ geometry: AttentionGeometry, frozen: Set<Int> = []) {
    let (tokens, d) = (geometry.tokens, geometry.headDim)
    let wide: Shape = [tokens, geometry.heads * d]
    let narrow: Shape = [tokens, geometry.kvHeads * d]
    GradientCheck(shapes: [wide, narrow, narrow], frozen: frozen).run({
      causalAttention(q: $0[0], k: $0[1], v: $0[2], geometry: geometry)
    }) { x in
      definition(geometry, x[0], x[1], x[2])
    }
  }

  @Test(arguments: [[0], [0, 1], [0, 5], [0, 0, 3, 4, 4], [0, 1, 2]])
  func oneHead(segments: [Int]) {
    check(AttentionGeometry(segments: segments, heads: 1, kvHeads: 1, headDim: 3, scale: 0.6))
  }

  @Test(arguments: [(2, 2), (4, 2), (3, 1), (6, 2)])
  func sharedHeads(heads: Int, kvHeads: Int) {
    check(
      AttentionGeometry(
        segments: [0, 4, 4, 5, 8], heads: heads, kvHeads: kvHeads, headDim: 2, scale: 0.7))
  }

  @Test func moreTokensThanABlock() {
    check(AttentionGeometry(segments: [0, 67], heads: 1, kvHeads: 1, headDim: 1, scale: 1.5))
  }

  @Test(arguments: [[0], [1], [2], [0, 1], [1, 2]] as [Set<Int>])
  func inputsMayBeFrozen(frozen: Set<Int>) {
    check(
      AttentionGeometry(segments: [0, 4], heads: 2, kvHeads: 1, headDim: 3, scale: 0.5),
      frozen: frozen)
  }

  /// Segments do not see each other, so packing them changes no bit of their results.
  @Test func packedSegmentsEqualSeparateOnes() {
    let backend = CPUBackend(threads: 2)
    let (q, k, v) = (noise(9 * 8, 1), noise(9 * 4, 2), noise(9 * 4, 3))
    func run(_ range: Range<Int>, _ segments: [Int]) -> [Float] {
      func part(_ x: [Float], _ width: Int) -> Tensor {
        Tensor(
          Array(x[range.lowerBound * width..<range.upperBound * width]),
          shape: [range.count, width], on: backend)
      }
      return causalAttention(
        q: part(q, 8), k: part(k, 4), v: part(v, 4),
        geometry: AttentionGeometry(
          segments: segments, heads: 2, kvHeads: 1, headDim: 4, scale: 0.5)
      ).floats
    }
    #expect(
      run(0..<9, [0, 3, 4, 9]) == run(0..<3, [0, 3]) + run(3..<4, [0, 1]) + run(4..<9, [0, 5]))
  }
}
