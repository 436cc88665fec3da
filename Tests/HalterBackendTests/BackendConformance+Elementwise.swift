import Foundation
import HalterBackend
import HalterRandom

/// Lengths around the vector widths, and one that is split over threads.
private let lengths = [0, 1, 3, 17, 1025, 33_001]

extension BackendConformance {
  static var fillCases: [Case] {
    lengths.map { n in
      Case(name: "\(n)") { backend in
        let y = Guarded(n, on: backend)
        backend.fill(y.buffer, count: n, with: -2.5)
        return [y.values]
      } expected: {
        [[Double](repeating: -2.5, count: n)]
      }
    }
  }

  static var copyCases: [Case] {
    (lengths + [132_003]).map { n in
      let x = noise(n, 1)
      return Case(name: "\(n)") { backend in
        let y = Guarded(n, on: backend)
        backend.copy(filled(x, on: backend), to: y.buffer, byteCount: n * 4)
        return [y.values]
      } expected: {
        [doubles(x)]
      }
    }
  }

  /// Cases of y = f(a, b), apart and in place of either.
  private static func binary(
    _ operation: @escaping (any Backend, Buffer, Buffer, Buffer, Int) -> Void,
    _ definition: @escaping (Double, Double) -> Double
  ) -> [Case] {
    lengths.flatMap { n in
      let (a, b) = (noise(n, 2), noise(n, 3))
      let expected = { [zip(a, b).map { definition(Double($0), Double($1)) }] }
      return [
        Case(name: "\(n)", relative: 1e-7) { backend in
          let y = Guarded(n, on: backend)
          operation(backend, filled(a, on: backend), filled(b, on: backend), y.buffer, n)
          return [y.values]
        } expected: {
          expected()
        },
        Case(name: "\(n) in place of a", relative: 1e-7) { backend in
          let y = Guarded(n, initial: a, on: backend)
          operation(backend, y.buffer, filled(b, on: backend), y.buffer, n)
          return [y.values]
        } expected: {
          expected()
        },
        Case(name: "\(n) in place of b", relative: 1e-7) { backend in
          let y = Guarded(n, initial: b, on: backend)
          operation(backend, filled(a, on: backend), y.buffer, y.buffer, n)
          return [y.values]
        } expected: {
          expected()
        },
      ]
    }
  }

  static var addCases: [Case] {
    binary({ $0.add($1, $2, into: $3, count: $4) }, { $0 + $1 })
  }

  static var multiplyCases: [Case] {
    binary({ $0.multiply($1, $2, into: $3, count: $4) }, { $0 * $1 })
  }

  static var scaleCases: [Case] {
    lengths.flatMap { n in
      let x = noise(n, 4)
      return [false, true].map { inPlace in
        Case(name: "\(n)\(inPlace ? " in place" : "")", relative: 1e-7) { backend in
          let y = Guarded(n, initial: inPlace ? x : nil, on: backend)
          backend.scale(
            inPlace ? y.buffer : filled(x, on: backend), by: 0.3, into: y.buffer, count: n)
          return [y.values]
        } expected: {
          [x.map { Double($0) * Double(Float(0.3)) }]
        }
      }
    }
  }

  static var accumulateCases: [Case] {
    lengths.map { n in
      let (x, start) = (noise(n, 5), noise(n, 6))
      return Case(name: "\(n)", absolute: 3e-7, relative: 1e-7) { backend in
        let y = Guarded(n, initial: start, on: backend)
        backend.accumulate(filled(x, on: backend), scaledBy: -1.7, into: y.buffer, count: n)
        return [y.values]
      } expected: {
        [zip(x, start).map { Double($0) * Double(Float(-1.7)) + Double($1) }]
      }
    }
  }

  private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  static var swigluCases: [Case] {
    lengths.map { n in
      // The range reaches where silu saturates on both sides.
      let (gate, up) = (noise(n, 7, 30), noise(n, 8))
      return Case(name: "\(n)", absolute: 1e-12, relative: 1e-6) { backend in
        let y = Guarded(n, on: backend)
        backend.swiglu(
          gate: Elements(filled(gate, on: backend)), up: Elements(filled(up, on: backend)),
          into: y.elements, count: n)
        return [y.values]
      } expected: {
        [zip(doubles(gate), doubles(up)).map { $0 * sigmoid($0) * $1 }]
      }
    }
  }

  static var swigluBackwardCases: [Case] {
    lengths.map { n in
      let (gate, up, dy) = (noise(n, 9, 10), noise(n, 10), noise(n, 11))
      return Case(name: "\(n)", absolute: 1e-6, relative: 2e-6) { backend in
        let (dGate, dUp) = (Guarded(n, on: backend), Guarded(n, on: backend))
        backend.swigluBackward(
          gate: Elements(filled(gate, on: backend)), up: Elements(filled(up, on: backend)),
          dy: Elements(filled(dy, on: backend)), dGate: dGate.elements, dUp: dUp.elements, count: n)
        return [dGate.values, dUp.values]
      } expected: {
        let slope = doubles(gate).map { g in
          sigmoid(g) * (1 + g * (1 - sigmoid(g)))
        }
        return [
          (0..<n).map { Double(dy[$0]) * Double(up[$0]) * slope[$0] },
          (0..<n).map { Double(dy[$0]) * Double(gate[$0]) * sigmoid(Double(gate[$0])) },
        ]
      }
    }
  }

  /// The generator that decides which elements dropout keeps, written out for one element.
  private static func keeps(_ index: UInt64, seed: UInt64, probability: Float) -> Bool {
    func mix64(_ x: UInt64) -> UInt64 {
      var stream = RandomStream(seed: x)
      return stream.next()
    }
    func mix(_ word: UInt32) -> UInt32 {
      var x = word
      x ^= x >> 16
      x &*= 0x21F0_AAAD
      x ^= x >> 15
      x &*= 0xD35A_2D97
      return x ^ (x >> 15)
    }
    let keys = mix64(mix64(seed) ^ (index >> 32))
    let word = mix(
      mix(UInt32(truncatingIfNeeded: index) ^ UInt32(truncatingIfNeeded: keys))
        ^ UInt32(truncatingIfNeeded: keys >> 32))
    return word >> 8 >= UInt32(probability * 0x1p24 + 0.5)
  }

  static var dropoutCases: [Case] {
    lengths.flatMap { n in
      let x = noise(n, 12)
      return [Float(0), 0.1, 0.75].map { p in
        Case(name: "\(n) with \(p)", relative: 2e-7) { backend in
          let y = Guarded(n, on: backend)
          backend.dropout(
            Elements(filled(x, on: backend)), probability: p, seed: 0xFEED_5EED_0042,
            into: y.elements, count: n)
          return [y.values]
        } expected: {
          let kept = (0..<n).map {
            keeps(UInt64($0), seed: 0xFEED_5EED_0042, probability: p)
          }
          return [(0..<n).map { kept[$0] ? Double(x[$0]) / (1 - Double(p)) : 0 }]
        }
      }
    }
  }

  static var sumOfSquaresCases: [Case] {
    lengths.flatMap { n in
      // Squares that no f32 holds must not overflow.
      [Float(2), 1e30].map { bound in
        let x = noise(n, 13, bound)
        return Case(name: "\(n) up to \(bound)", relative: 1e-12) { backend in
          [[backend.sumOfSquares(filled(x, on: backend), count: n)] + Guarded.tail]
        } expected: {
          [[doubles(x).reduce(0) { $0 + $1 * $1 }]]
        }
      }
    }
  }

  static var convertToBF16Cases: [Case] {
    let special: [Float] = [
      0, -0.0, 1, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude,
      Float(bitPattern: 0x3F80_8000), Float(bitPattern: 0x3F81_8000),
      Float(bitPattern: 0x3F80_8001), .nan,
    ]
    return (lengths.map { noise($0, 14, 1e3) } + [special]).map { x in
      Case(name: "\(x.count)") { backend in
        let y = Guarded(x.count, on: backend)
        let mark = UInt16(Guarded.mark.bitPattern >> 16)
        y.buffer.write([UInt16](repeating: mark, count: x.count + Guarded.tail.count))
        backend.convertToBF16(filled(x, on: backend), into: y.buffer, count: x.count)
        return [
          y.buffer.read(UInt16.self, count: x.count + Guarded.tail.count).map {
            Double(Float(bitPattern: UInt32($0) << 16))
          }
        ]
      } expected: {
        [x.map { Double(nearestBF16($0)) }]
      }
    }
  }

  /// The nearer of the two bf16 neighbours; the even one of two that are as near.
  private static func nearestBF16(_ x: Float) -> Float {
    if !x.isFinite { return x }
    let below = Float(bitPattern: x.bitPattern & 0xFFFF_0000)
    let next = (x.bitPattern & 0xFFFF_0000) &+ 0x1_0000
    // Past the largest number, infinity counts as the power of two that would come next.
    let above = Float(bitPattern: next)
    let ceiling = above.isInfinite ? (x < 0 ? -0x1p128 : 0x1p128) : Double(above)
    let (down, up) = (abs(Double(x) - Double(below)), abs(ceiling - Double(x)))
    if down != up { return down < up ? below : above }
    return x.bitPattern & 0x1_0000 == 0 ? below : above
  }

  static var convertFromBF16Cases: [Case] {
    (lengths + [65_536]).map { n in
      let bits = (0..<n).map { UInt16(truncatingIfNeeded: $0) }
      return Case(name: "\(n)") { backend in
        let y = Guarded(n, on: backend)
        backend.convertFromBF16(filled(bits, on: backend), into: y.buffer, count: n)
        return [y.values]
      } expected: {
        [bits.map { Double(Float(bitPattern: UInt32($0) << 16)) }]
      }
    }
  }
}
