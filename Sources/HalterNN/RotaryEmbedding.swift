import HalterBackend
import HalterTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How rotary frequencies are stretched to contexts longer than those of pre-training.
public enum RotaryScaling: Sendable, Equatable {
  /// No change.
  case none
  /// Positions divided by a factor (Chen et al. 2023).
  case linear(factor: Double)
  /// NTK-aware base that grows with the sequence beyond `originalLength` (`dynamic`).
  case dynamic(factor: Double, originalLength: Int)
  /// Llama 3.1: low frequencies divided by the factor, high ones kept, a ramp between.
  case llama3(factor: Double, lowFrequency: Double, highFrequency: Double, originalLength: Int)
  /// YaRN (Peng et al. 2023): interpolation by dimension, and a factor on the attention.
  case yarn(YaRN)
  /// Divisors given per frequency, `headDim / 2` of them (as GGUF files store llama3 scaling).
  case divisors([Float])

  /// The constants of YaRN.
  public struct YaRN: Sendable, Equatable {
    /// How much longer than the original the context is.
    public var factor: Double
    /// The context of pre-training.
    public var originalLength: Int
    /// The rotations above which a dimension is kept as it is.
    public var betaFast: Double
    /// The rotations below which a dimension is interpolated.
    public var betaSlow: Double
    /// The factor on cosines and sines; nil for 0.1 ln(factor) + 1.
    public var attentionFactor: Double?
    /// DeepSeek's variant of the attention factor.
    public var mscale: Double?
    /// Its denominator.
    public var mscaleAllDim: Double?
    /// Whether the correction range is rounded to whole dimensions.
    public var truncate: Bool

    /// Constants with the usual defaults.
    public init(
      factor: Double, originalLength: Int, betaFast: Double = 32, betaSlow: Double = 1,
      attentionFactor: Double? = nil, mscale: Double? = nil, mscaleAllDim: Double? = nil,
      truncate: Bool = true
    ) {
      self.factor = factor
      self.originalLength = originalLength
      self.betaFast = betaFast
      self.betaSlow = betaSlow
      self.attentionFactor = attentionFactor
      self.mscale = mscale
      self.mscaleAllDim = mscaleAllDim
      self.truncate = truncate
    }
  }
}

/// Rotary position embedding: frequencies, and tables of angles for a batch.
public struct RotaryEmbedding: Sendable, Equatable {
  /// The size of a head, even.
  public let headDim: Int
  /// The base of the frequencies.
  public let theta: Double
  /// The scaling.
  public let scaling: RotaryScaling

  /// An embedding for heads of a size.
  public init(headDim: Int, theta: Double, scaling: RotaryScaling = .none) {
    precondition(headDim > 0 && headDim % 2 == 0, "head size \(headDim) is not even")
    self.headDim = headDim
    self.theta = theta
    self.scaling = scaling
  }

  /// The angle per position of each pair of dimensions, `headDim / 2`, for a sequence of a length
  /// (which only `dynamic` scaling looks at).
  public func frequencies(length: Int) -> [Double] {
    let base = (0..<headDim / 2).map { pow(theta, -2 * Double($0) / Double(headDim)) }
    switch scaling {
    case .none: return base
    case .linear(let factor): return base.map { $0 / factor }
    case .dynamic(let factor, let original):
      guard length > original else { return base }
      let d = Double(headDim)
      let growth = factor * Double(length) / Double(original) - (factor - 1)
      let stretched = theta * pow(growth, d / (d - 2))
      return (0..<headDim / 2).map { pow(stretched, -2 * Double($0) / d) }
    case .llama3(let factor, let low, let high, let original):
      return base.map { Self.llama3($0, factor, low, high, Double(original)) }
    case .yarn(let yarn): return interpolated(base, yarn)
    case .divisors(let divisors):
      precondition(divisors.count == base.count, "\(divisors.count) divisors")
      return zip(base, divisors).map { $0 / Double($1) }
    }
  }

  /// The factor on cosines and sines (1 but for YaRN).
  public var attentionFactor: Double {
    guard case .yarn(let yarn) = scaling else { return 1 }
    if let given = yarn.attentionFactor { return given }
    func magnitude(_ m: Double) -> Double {
      yarn.factor <= 1 ? 1 : 0.1 * m * log(yarn.factor) + 1
    }
    if let m = yarn.mscale, let all = yarn.mscaleAllDim { return magnitude(m) / magnitude(all) }
    return magnitude(1)
  }

  /// The tables for a flat batch and the row of the tables that each token uses.
  ///
  /// Each segment is treated as the sequence that it is, so packing changes nothing; only with
  /// dynamic scaling do segments of different lengths need rows of their own.
  /// - Parameters:
  ///   - positions: the position of each token in its segment.
  ///   - segments: starts of the segments, `[0, …, T]`.
  public func tables(
    positions: [Int32], segments: [Int], on backend: any Backend
  ) -> (tables: RotaryTables, positions: Tensor) {
    let longest = Int(positions.max() ?? 0) + 1
    guard case .dynamic(_, let original) = scaling, longest > original else {
      // Only the positions at hand: while generating that is a single one.
      let first = positions.min() ?? 0
      let rows = Tensor(positions.map { $0 - first }, shape: [positions.count], on: backend)
      return (table([(longest, Int(first)..<longest)], on: backend), rows)
    }
    var parts: [(length: Int, positions: Range<Int>)] = [(original, 0..<original)]
    var (rows, total) = (positions, original)
    for (start, end) in zip(segments, segments.dropFirst()) where start < end {
      let (first, last) = (Int(positions[start]), Int(positions[end - 1]))
      guard last >= original else { continue }
      parts.append((last + 1, first..<last + 1))
      for token in start..<end { rows[token] = Int32(total + token - start) }
      total += end - start
    }
    return (table(parts, on: backend), Tensor(rows, shape: [rows.count], on: backend))
  }

  private func table(
    _ parts: [(length: Int, positions: Range<Int>)], on backend: any Backend
  ) -> RotaryTables {
    let half = headDim / 2
    let total = parts.reduce(0) { $0 + $1.positions.count }
    var cosines: [Float] = []
    var sines: [Float] = []
    cosines.reserveCapacity(total * half)
    sines.reserveCapacity(total * half)
    let factor = Float(attentionFactor)
    for part in parts {
      // The reference computes angles in f32; doing the same keeps long contexts equal to it.
      let steps = frequencies(length: part.length).map { Float($0) }
      for position in part.positions {
        for step in steps {
          let angle = Float(position) * step
          cosines.append(Float(cos(Double(angle))) * factor)
          sines.append(Float(sin(Double(angle))) * factor)
        }
      }
    }
    return RotaryTables(
      cosines: Tensor(cosines, shape: [total, half], on: backend),
      sines: Tensor(sines, shape: [total, half], on: backend))
  }

  private static func llama3(
    _ f: Double, _ factor: Double, _ low: Double, _ high: Double, _ original: Double
  ) -> Double {
    let wavelength = 2 * Double.pi / f
    if wavelength < original / high { return f }
    if wavelength > original / low { return f / factor }
    let smooth = (original / wavelength - low) / (high - low)
    return (1 - smooth) * f / factor + smooth * f
  }

  private func interpolated(_ base: [Double], _ yarn: RotaryScaling.YaRN) -> [Double] {
    let d = Double(headDim)
    func dimension(_ rotations: Double) -> Double {
      d * log(Double(yarn.originalLength) / (rotations * 2 * .pi)) / (2 * log(theta))
    }
    var (low, high) = (dimension(yarn.betaFast), dimension(yarn.betaSlow))
    if yarn.truncate { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    (low, high) = (max(low, 0), min(high, d - 1))
    if low == high { high += 0.001 }
    return base.enumerated().map { index, f in
      let ramp = min(1, max(0, (Double(index) - low) / (high - low)))
      return f / yarn.factor * ramp + f * (1 - ramp)
    }
  }
}
