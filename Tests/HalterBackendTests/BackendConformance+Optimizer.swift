import Foundation
import HalterBackend

/// The steps of AdamW.
extension BackendConformance {
  static var adamWCases: [Case] {
    [0, 1, 3, 17, 1025, 33_001].flatMap { n in
      let (g, p) = (noise(n, 15), noise(n, 16))
      let (m, v) = (noise(n, 17, 0.5), noise(n, 18, 0.5).map { abs($0) })
      return [
        AdamWConstants(
          learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, step: 1,
          gradientScale: 1),
        AdamWConstants(
          learningRate: 0.05, beta1: 0, beta2: 0.95, epsilon: 1e-2, weightDecay: 0, step: 1000,
          gradientScale: 0.125),
      ].map { c in
        Case(name: "\(n) at step \(c.step)", absolute: 2e-7, relative: 5e-6) { backend in
          let outputs = [p, m, v].map { Guarded(n, initial: $0, on: backend) }
          backend.adamW(
            c, gradient: filled(g, on: backend), parameter: outputs[0].buffer,
            m: outputs[1].buffer, v: outputs[2].buffer, count: n)
          return outputs.map(\.values)
        } expected: {
          let (beta1, beta2) = (Double(c.beta1), Double(c.beta2))
          let rate = Double(c.learningRate)
          let scaled = g.map { Double($0) * Double(c.gradientScale) }
          let first = (0..<n).map { beta1 * Double(m[$0]) + (1 - beta1) * scaled[$0] }
          let second = (0..<n).map {
            beta2 * Double(v[$0]) + (1 - beta2) * scaled[$0] * scaled[$0]
          }
          let after = (0..<n).map { index in
            let mean = first[index] / (1 - pow(beta1, Double(c.step)))
            let root = (second[index] / (1 - pow(beta2, Double(c.step)))).squareRoot()
            return Double(p[index]) * (1 - rate * Double(c.weightDecay))
              - rate * mean / (root + Double(c.epsilon))
          }
          return [after, first, second]
        }
      }
    }
  }

  /// Moments as codes of every value, under scales that differ from block to block.
  static var adamW8bitCases: [Case] {
    [0, 1, 255, 256, 257, 1000, 33_068].flatMap { n in
      [
        AdamWConstants(
          learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, step: 1,
          gradientScale: 1),
        AdamWConstants(
          learningRate: 0.05, beta1: 0, beta2: 0.95, epsilon: 1e-2, weightDecay: 0, step: 1000,
          gradientScale: 0.125),
      ].flatMap { [updates(n, $0), codes(n, $0)] }
    }
  }

  /// What a step does to parameters and scales.
  private static func updates(_ n: Int, _ c: AdamWConstants) -> Case {
    let coded = CodedStep(n, c)
    return Case(name: "\(n) at step \(c.step)", absolute: 2e-7, relative: 5e-6) { backend in
      let result = coded.run(on: backend)
      return [result.parameter.values, result.firstScales.values, result.secondScales.values]
    } expected: {
      let (after, first, second) = coded.expected
      return [after, CodedStep.largest(first), CodedStep.largest(second)]
    }
  }

  /// The codes that it leaves: the nearest, or beside it where rounding decides.
  private static func codes(_ n: Int, _ c: AdamWConstants) -> Case {
    let coded = CodedStep(n, c)
    return Case(name: "codes of \(n) at step \(c.step)", absolute: 1) { backend in
      let result = coded.run(on: backend)
      return [result.first, result.second].map {
        $0.read(UInt8.self, count: n).map { Double($0) } + Guarded.tail
      }
    } expected: {
      let (_, first, second) = coded.expected
      return [
        CodedStep.nearest(first, DynamicMap.signed), CodedStep.nearest(second, DynamicMap.unsigned),
      ]
    }
  }
}

/// A step of AdamW from moments in 8 bits, and what it does by the definition.
private struct CodedStep: Sendable {
  let count: Int
  let constants: AdamWConstants
  private let gradient: [Float]
  private let parameter: [Float]
  private let codes: [[UInt8]]
  private let scales: [[Float]]

  init(_ count: Int, _ constants: AdamWConstants) {
    self.count = count
    self.constants = constants
    gradient = noise(count, 15)
    parameter = noise(count, 16)
    codes = [31, 17].map { factor in (0..<count).map { UInt8(truncatingIfNeeded: $0 &* factor) } }
    let blocks = QuantizedMoments.blocks(count)
    scales = [17, 18].map { seed in noise(blocks, seed, 0.5).map { abs($0) } }
  }

  struct Result {
    let parameter, firstScales, secondScales: Guarded
    let first, second: Buffer
  }

  func run(on backend: any Backend) -> Result {
    let blocks = QuantizedMoments.blocks(count)
    let result = Result(
      parameter: Guarded(count, initial: parameter, on: backend),
      firstScales: Guarded(blocks, initial: scales[0], on: backend),
      secondScales: Guarded(blocks, initial: scales[1], on: backend),
      first: filled(codes[0], on: backend), second: filled(codes[1], on: backend))
    backend.adamW(
      constants, gradient: filled(gradient, on: backend), parameter: result.parameter.buffer,
      moments: QuantizedMoments(
        first: .init(codes: result.first, scales: result.firstScales.buffer),
        second: .init(codes: result.second, scales: result.secondScales.buffer)), count: count)
    return result
  }

  /// The parameters and both moments afterwards.
  var expected: (parameter: [Double], first: [Double], second: [Double]) {
    let c = constants
    let (beta1, beta2, rate) = (Double(c.beta1), Double(c.beta2), Double(c.learningRate))
    let scaled = gradient.map { Double($0) * Double(c.gradientScale) }
    func decoded(_ moment: Int, _ map: [Float]) -> [Double] {
      (0..<count).map {
        Double(map[Int(codes[moment][$0])]) * Double(scales[moment][$0 / QuantizedMoments.block])
      }
    }
    let first = zip(decoded(0, DynamicMap.signed), scaled).map { beta1 * $0 + (1 - beta1) * $1 }
    let second = zip(decoded(1, DynamicMap.unsigned), scaled).map {
      beta2 * $0 + (1 - beta2) * $1 * $1
    }
    let after = (0..<count).map { index in
      let mean = first[index] / (1 - pow(beta1, Double(c.step)))
      let root = (second[index] / (1 - pow(beta2, Double(c.step)))).squareRoot()
      return Double(parameter[index]) * (1 - rate * Double(c.weightDecay))
        - rate * mean / (root + Double(c.epsilon))
    }
    return (after, first, second)
  }

  /// The largest magnitude of each block.
  static func largest(_ values: [Double]) -> [Double] {
    stride(from: 0, to: values.count, by: QuantizedMoments.block).map { start in
      values[start..<min(values.count, start + QuantizedMoments.block)].map { abs($0) }.max() ?? 0
    }
  }

  /// The codes whose values are nearest.
  static func nearest(_ values: [Double], _ map: [Float]) -> [Double] {
    let scales = largest(values)
    return values.enumerated().map { index, value in
      let scaled = value / scales[index / QuantizedMoments.block]
      var (above, step) = (0, 128)
      while step > 0 {
        if Double(map[above + step - 1]) < scaled { above += step }
        step /= 2
      }
      let isLower = above > 0 && scaled - Double(map[above - 1]) <= Double(map[above]) - scaled
      return Double(isLower ? above - 1 : above)
    }
  }
}
