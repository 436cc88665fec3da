import Foundation
import HalterBackend

/// Causal attention by its definition, with the whole matrix of probabilities.
struct NaiveAttention {
  let geometry: AttentionGeometry
  let q: [Double]
  let k: [Double]
  let v: [Double]

  private var d: Int { geometry.headDim }
  private var queryWidth: Int { geometry.heads * d }
  private var keyWidth: Int { geometry.kvHeads * d }
  private var group: Int { geometry.heads / geometry.kvHeads }

  private func dot(_ a: [Double], _ i: Int, _ b: [Double], _ j: Int) -> Double {
    (0..<d).reduce(0) { $0 + a[i + $1] * b[j + $1] }
  }

  /// Calls a closure with every query, its head and the keys of its segment up to itself.
  private func eachQuery(_ body: (_ token: Int, _ head: Int, _ keys: ClosedRange<Int>) -> Void) {
    for (start, end) in zip(geometry.segments, geometry.segments.dropFirst()) {
      for token in start..<end {
        for head in 0..<geometry.heads { body(token, head, start...token) }
      }
    }
  }

  private func probabilities(
    _ token: Int, _ head: Int, _ keys: ClosedRange<Int>
  ) -> (values: [Double], lse: Double) {
    let scores = keys.map { key in
      Double(geometry.scale)
        * dot(q, token * queryWidth + head * d, k, key * keyWidth + head / group * d)
    }
    let largest = scores.reduce(-Double.infinity, max)
    let lse = largest + log(scores.reduce(0) { $0 + exp($1 - largest) })
    return (scores.map { exp($0 - lse) }, lse)
  }

  var forward: (out: [Double], lse: [Double]) {
    var out = [Double](repeating: 0, count: q.count)
    var lse = [Double](repeating: 0, count: geometry.heads * geometry.tokens)
    eachQuery { token, head, keys in
      let p = probabilities(token, head, keys)
      lse[head * geometry.tokens + token] = p.lse
      for (key, weight) in zip(keys, p.values) {
        for j in 0..<d {
          out[token * queryWidth + head * d + j] +=
            weight * v[key * keyWidth + head / group * d + j]
        }
      }
    }
    return (out, lse)
  }

  func gradients(_ dOut: [Double]) -> (dq: [Double], dk: [Double], dv: [Double]) {
    var dq = [Double](repeating: 0, count: q.count)
    var dk = [Double](repeating: 0, count: k.count)
    var dv = [Double](repeating: 0, count: v.count)
    eachQuery { token, head, keys in
      let p = probabilities(token, head, keys).values
      let row = token * queryWidth + head * d
      let dp = keys.map { dot(dOut, row, v, $0 * keyWidth + head / group * d) }
      let mean = zip(p, dp).reduce(0) { $0 + $1.0 * $1.1 }
      for (index, key) in keys.enumerated() {
        let column = key * keyWidth + head / group * d
        let ds = Double(geometry.scale) * p[index] * (dp[index] - mean)
        for j in 0..<d {
          dv[column + j] += p[index] * dOut[row + j]
          dq[row + j] += ds * k[column + j]
          dk[column + j] += ds * q[row + j]
        }
      }
    }
    return (dq, dk, dv)
  }
}

extension BackendConformance {
  /// Nothing, segments of length 0 and 1, shared and odd heads, more queries than a block, and
  /// scores so large (about 100, known to 1e-5 in f32) that one key takes all.
  private static let geometries = [
    AttentionGeometry(segments: [0], heads: 2, kvHeads: 1, headDim: 4, scale: 0.5),
    AttentionGeometry(segments: [0, 1], heads: 1, kvHeads: 1, headDim: 1, scale: 1),
    AttentionGeometry(
      segments: [0, 0, 1, 4, 4, 11], heads: 4, kvHeads: 2, headDim: 8, scale: 0.35),
    AttentionGeometry(segments: [0, 5, 6], heads: 6, kvHeads: 2, headDim: 5, scale: 0.45),
    AttentionGeometry(segments: [0, 64, 193], heads: 3, kvHeads: 3, headDim: 4, scale: 0.5),
    AttentionGeometry(segments: [0, 67, 70], heads: 4, kvHeads: 1, headDim: 16, scale: 6),
  ]

  private static func inputs(_ geometry: AttentionGeometry) -> (q: [Float], k: [Float], v: [Float])
  {
    let width = geometry.tokens * geometry.headDim
    return (
      noise(width * geometry.heads, 51), noise(width * geometry.kvHeads, 52),
      noise(width * geometry.kvHeads, 53)
    )
  }

  private static func name(_ geometry: AttentionGeometry) -> String {
    "\(geometry.segments), \(geometry.heads) over \(geometry.kvHeads) × \(geometry.headDim)"
  }

  static var attentionCases: [Case] {
    geometries.map { geometry in
      let (q, k, v) = inputs(geometry)
      return Case(name: name(geometry), absolute: 2e-5, relative: 2e-5) { backend in
        let out = Guarded(q.count, on: backend)
        let lse = Guarded(geometry.heads * geometry.tokens, on: backend)
        backend.attention(
          geometry, q: Elements(filled(q, on: backend)), k: Elements(filled(k, on: backend)),
          v: Elements(filled(v, on: backend)), out: Elements(out.buffer), lse: lse.buffer)
        return [out.values, lse.values]
      } expected: {
        let result = NaiveAttention(
          geometry: geometry, q: doubles(q), k: doubles(k), v: doubles(v)
        ).forward
        return [result.out, result.lse]
      }
    }
  }

  static var attentionBackwardCases: [Case] {
    geometries.map { geometry in
      let (q, k, v) = inputs(geometry)
      let dOut = noise(q.count, 54)
      let naive = NaiveAttention(geometry: geometry, q: doubles(q), k: doubles(k), v: doubles(v))
      let forward = naive.forward
      return Case(name: name(geometry), absolute: 1e-4, relative: 1e-4) { backend in
        let dq = Guarded(q.count, on: backend)
        let dk = Guarded(k.count, on: backend)
        let dv = Guarded(v.count, on: backend)
        backend.attentionBackward(
          geometry, q: Elements(filled(q, on: backend)), k: Elements(filled(k, on: backend)),
          v: Elements(filled(v, on: backend)),
          out: Elements(filled(forward.out.map { Float($0) }, on: backend)),
          lse: filled(forward.lse.map { Float($0) }, on: backend),
          dOut: Elements(filled(dOut, on: backend)), dq: Elements(dq.buffer),
          dk: Elements(dk.buffer), dv: Elements(dv.buffer))
        return [dq.values, dk.values, dv.values]
      } expected: {
        let result = naive.gradients(doubles(dOut))
        return [result.dq, result.dk, result.dv]
      }
    }
  }

  static var cachedAttentionCases: [Case] {
    // New queries, and how many keys the first of them sees.
    [(1, 1), (1, 9), (4, 1), (5, 7), (70, 130)].flatMap { queries, visible in
      [(1, 1, 2), (4, 2, 8), (6, 2, 5)].map { heads, kvHeads, d in
        let total = visible + queries - 1
        let q = noise(queries * heads * d, 55)
        let k = noise(total * kvHeads * d, 56)
        let v = noise(total * kvHeads * d, 57)
        let name = "\(queries) after \(visible - 1), \(heads) over \(kvHeads) × \(d)"
        return Case(name: name, absolute: 5e-6, relative: 1e-5) { backend in
          let out = Guarded(q.count, on: backend)
          // A cache has room behind the keys that are there.
          let room = [Float](repeating: .nan, count: 3 * kvHeads * d)
          backend.cachedAttention(
            q: filled(q, on: backend), k: filled(k + room, on: backend),
            v: filled(v + room, on: backend), out: out.buffer, queries: queries,
            visible: visible, heads: heads, kvHeads: kvHeads, headDim: d, scale: 0.4)
          return [out.values]
        } expected: {
          // The last queries of a sequence whose earlier queries are of no interest.
          let padding = [Double](repeating: 0, count: (total - queries) * heads * d)
          let geometry = AttentionGeometry(
            segments: [0, total], heads: heads, kvHeads: kvHeads, headDim: d, scale: 0.4)
          let naive = NaiveAttention(
            geometry: geometry, q: padding + doubles(q), k: doubles(k), v: doubles(v))
          return [Array(naive.forward.out.dropFirst(padding.count))]
        }
      }
    }
  }
}
