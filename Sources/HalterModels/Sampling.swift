import HalterRandom

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How the next token is chosen from the logits.
public struct Sampling: Sendable, Equatable {
  /// Divides the logits; 0 always takes the likeliest token (greedy).
  public var temperature: Double
  /// Keeps only the likeliest k tokens; nil keeps all.
  public var topK: Int?
  /// Keeps the fewest likeliest tokens whose probabilities sum to at least this
  /// (nucleus sampling, Holtzman et al. 2020); nil keeps all.
  public var topP: Double?
  /// Seeds the choices.
  public var seed: UInt64

  /// Greedy unless a temperature is given.
  public init(temperature: Double = 0, topK: Int? = nil, topP: Double? = nil, seed: UInt64 = 0) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.seed = seed
  }
}

/// Chooses tokens one after another.
struct Sampler {
  private let sampling: Sampling
  private var random: RandomStream

  init(_ sampling: Sampling) {
    self.sampling = sampling
    random = RandomStream(seed: sampling.seed)
  }

  /// The index of the chosen logit; ties go to the lowest index.
  mutating func next(_ logits: [Float]) -> Int32 {
    guard sampling.temperature > 0 else { return Self.likeliest(logits) }
    var candidates = Array(logits.indices)
    let kept = min(sampling.topK ?? logits.count, logits.count)
    if kept < logits.count || sampling.topP != nil {
      candidates.sort { (logits[$0], $1) > (logits[$1], $0) }
      candidates = Array(candidates.prefix(max(1, kept)))
    }
    let peak = candidates.map { logits[$0] }.max() ?? 0
    var weights = candidates.map { exp(Double(logits[$0] - peak) / sampling.temperature) }
    if let topP = sampling.topP {
      let total = weights.reduce(0, +)
      var (sum, count) = (0.0, 0)
      while count < weights.count, sum < topP * total {
        sum += weights[count]
        count += 1
      }
      weights = Array(weights.prefix(max(1, count)))
    }
    var target = Double(random.uniform()) * weights.reduce(0, +)
    for (index, weight) in weights.enumerated() {
      target -= weight
      if target < 0 { return Int32(candidates[index]) }
    }
    return Int32(candidates[weights.count - 1])
  }

  static func likeliest(_ logits: [Float]) -> Int32 {
    var best = 0
    for index in logits.indices where logits[index] > logits[best] { best = index }
    return Int32(best)
  }
}
