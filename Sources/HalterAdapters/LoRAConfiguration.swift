/// What a LoRA adapter is (Hu et al. 2021), in the terms of PEFT's `LoraConfig`.
public struct LoRAConfiguration: Sendable, Equatable {
  /// Which linear layers get an adapter.
  public enum Targets: Sendable, Equatable {
    /// All linear layers of the blocks (not the output head).
    case allLinear
    /// Layers whose full dotted name is an entry or ends with "." and an entry.
    case names([String])
    /// Layers whose full dotted name a regular expression matches as a whole.
    case pattern(String)
  }

  /// The rank r of the factors.
  public var rank: Int
  /// The numerator of the scaling.
  public var alpha: Double
  /// The probability of dropping an input of the adapter's branch in training.
  public var dropout: Double
  /// Scales by alpha / sqrt(r) instead of alpha / r (rsLoRA, Kalajdzievski 2023).
  public var usesRSLoRA: Bool
  /// Trains the magnitudes of the rows apart from their directions (DoRA, Liu et al. 2024).
  public var usesDoRA: Bool
  /// Which linear layers get an adapter.
  public var targets: Targets
  /// The indices of the blocks that get one; all when nil.
  public var layers: [Int]?
  /// Ranks that differ, by a pattern that the end of a layer's name matches.
  public var rankPattern: [String: Int]
  /// Alphas that differ, likewise.
  public var alphaPattern: [String: Double]

  /// A configuration.
  public init(
    rank: Int, alpha: Double, dropout: Double = 0, usesRSLoRA: Bool = false,
    usesDoRA: Bool = false, targets: Targets = .allLinear, layers: [Int]? = nil,
    rankPattern: [String: Int] = [:], alphaPattern: [String: Double] = [:]
  ) {
    self.rank = rank
    self.alpha = alpha
    self.dropout = dropout
    self.usesRSLoRA = usesRSLoRA
    self.usesDoRA = usesDoRA
    self.targets = targets
    self.layers = layers
    self.rankPattern = rankPattern
    self.alphaPattern = alphaPattern
  }

  /// The family of the adapter in a word: `LoRA`, `rsLoRA`, `DoRA` or `rsDoRA`.
  public var family: String { (usesRSLoRA ? "rs" : "") + (usesDoRA ? "DoRA" : "LoRA") }

  /// The rank and the scaling of the adapter on a layer.
  /// - Throws: `AdapterError` if a pattern is no regular expression, if two patterns give the
  ///   layer different values, or if no factor can have that rank or scaling.
  func geometry(of name: String) throws(AdapterError) -> (rank: Int, scaling: Float) {
    let rank = try Self.value(of: name, in: rankPattern, called: "rank_pattern") ?? rank
    let alpha = try Self.value(of: name, in: alphaPattern, called: "alpha_pattern") ?? alpha
    guard rank > 0 else { throw AdapterError("the rank for \(name) is \(rank)") }
    let scaling = Float(usesRSLoRA ? alpha / Double(rank).squareRoot() : alpha / Double(rank))
    guard scaling.isFinite else {
      throw AdapterError("alpha for \(name) is \(alpha), too large for a factor in 32 bits")
    }
    return (rank, scaling)
  }

  /// What a linear layer gets: the rank, and the number of elements of each parameter; nil if it
  /// gets nothing.
  /// - Throws: `AdapterError` if a pattern is no regular expression or two disagree.
  public func size(
    on name: String, layer: Int, inputs: Int, outputs: Int
  ) throws(AdapterError) -> (rank: Int, parameters: [Int])? {
    guard try includes(name, layer: layer) else { return nil }
    let rank = try geometry(of: name).rank
    return (rank, [rank * inputs, rank * outputs] + (usesDoRA ? [outputs] : []))
  }

  /// Whether the layer called `name` in block `layer` gets an adapter.
  /// - Throws: `AdapterError` if a pattern is no regular expression.
  func includes(_ name: String, layer: Int) throws(AdapterError) -> Bool {
    if let layers, !layers.contains(layer) { return false }
    switch targets {
    case .allLinear: return true
    case .names(let names): return names.contains { name == $0 || name.hasSuffix("." + $0) }
    case .pattern(let pattern): return try Self.matches(name, pattern)
    }
  }

  /// PEFT takes the first pattern in the file that matches. The order of a JSON object is lost in
  /// many tools, so patterns that disagree are refused rather than guessed at.
  private static func value<T: Equatable>(
    of name: String, in patterns: [String: T], called key: String
  ) throws(AdapterError) -> T? {
    var found: (pattern: String, value: T)?
    for (pattern, value) in patterns.sorted(by: { $0.key < $1.key })
    where try matches(name, "^(.*\\.)?(\(pattern))$") {
      if let found, found.value != value {
        throw AdapterError(
          "\(key) has two values for \(name): \(found.value) by \"\(found.pattern)\", "
            + "\(value) by \"\(pattern)\"", mend: "Let each layer match one pattern")
      }
      found = (pattern, value)
    }
    return found?.value
  }

  private static func matches(_ name: String, _ pattern: String) throws(AdapterError) -> Bool {
    do {
      return try Regex(pattern).wholeMatch(in: name) != nil
    } catch {
      throw AdapterError(
        "\"\(pattern)\" is not a regular expression: \(error)",
        mend: "Write a list of layer names such as [q_proj, v_proj], or all-linear")
    }
  }
}

/// An adapter that does not fit: what was found, where, and what to do about it.
public struct AdapterError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file or directory concerned, if there is one.
  public let path: String?
  /// What was found and what was expected, without a full stop.
  public let message: String
  /// What to do about it, without a full stop.
  public let mend: String?

  /// An error from its parts.
  public init(path: String? = nil, _ message: String, mend: String? = nil) {
    self.path = path
    self.message = message
    self.mend = mend
  }

  /// Place, finding, mend.
  public var description: String {
    (path.map { "\($0): " } ?? "") + message + "." + (mend.map { " \($0)." } ?? "")
  }
}
