import HalterNN

/// The geometry of a Llama-family decoder (Touvron et al. 2023), as `config.json` has it.
public struct LlamaConfiguration: Sendable, Equatable {
  /// The number of token ids.
  public var vocabularySize: Int
  /// The size of a hidden state.
  public var hiddenSize: Int
  /// The size inside the feed-forward layer.
  public var intermediateSize: Int
  /// The number of blocks.
  public var layers: Int
  /// The number of query heads.
  public var heads: Int
  /// The number of key/value heads, a divisor of `heads`.
  public var kvHeads: Int
  /// The size of a head.
  public var headDim: Int
  /// The longest context of pre-training, in tokens.
  public var contextLength: Int
  /// Added to the mean square in norms.
  public var normEpsilon: Double
  /// The base of the rotary frequencies.
  public var ropeTheta: Double
  /// The scaling of the rotary frequencies.
  public var ropeScaling: RotaryScaling
  /// Whether the output head is the embedding.
  public var tiesEmbeddings: Bool
  /// Whether q, k, v and o have biases.
  public var attentionBias: Bool
  /// Whether gate, up and down have biases.
  public var mlpBias: Bool
  /// The standard deviation of random initial weights.
  public var initializerRange: Double

  /// The rotary embedding of this geometry.
  public var rotary: RotaryEmbedding {
    RotaryEmbedding(headDim: headDim, theta: ropeTheta, scaling: ropeScaling)
  }

  /// The geometry with at most so many blocks.
  func holding(_ blocks: Int?) -> Self {
    var fewer = self
    fewer.layers = min(layers, blocks ?? layers)
    return fewer
  }

  /// Bounds that no real model passes; beyond them a file is damaged or hostile.
  static let bounds:
    [(name: String, path: any KeyPath<Self, Int> & Sendable, range: ClosedRange<Int>)] = [
      ("vocab_size", \.vocabularySize, 1...(1 << 22)),
      ("hidden_size", \.hiddenSize, 1...(1 << 17)),
      ("intermediate_size", \.intermediateSize, 1...(1 << 19)),
      ("num_hidden_layers", \.layers, 1...2048),
      ("num_attention_heads", \.heads, 1...4096),
      ("num_key_value_heads", \.kvHeads, 1...4096),
      ("head_dim", \.headDim, 2...256),
      ("max_position_embeddings", \.contextLength, 1...(1 << 26)),
    ]

  /// Checks that the numbers make a model.
  /// - Throws: `ModelError` naming the key that does not.
  public func validated(path: String) throws(ModelError) -> Self {
    for (name, keyPath, range) in Self.bounds where !range.contains(self[keyPath: keyPath]) {
      throw ModelError(
        path: path,
        "\(name) is \(self[keyPath: keyPath]), expected \(range.lowerBound) to \(range.upperBound)")
    }
    if heads % kvHeads != 0 {
      throw ModelError(
        path: path, "num_attention_heads \(heads) is no multiple of num_key_value_heads \(kvHeads)")
    }
    if headDim % 2 != 0 {
      throw ModelError(path: path, "head_dim \(headDim) is odd, rotary embedding needs pairs")
    }
    if !(normEpsilon >= 0 && normEpsilon < 1) || !(ropeTheta > 0 && ropeTheta.isFinite) {
      throw ModelError(
        path: path, "rms_norm_eps \(normEpsilon) or rope_theta \(ropeTheta) is not a sane number")
    }
    return self
  }
}
