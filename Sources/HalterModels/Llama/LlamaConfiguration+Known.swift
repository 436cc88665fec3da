import HalterNN

extension LlamaConfiguration {
  /// The names of the geometries that are known, the smallest first.
  public static let knownNames = [
    "tiny", "smollm2-135m", "tinyllama-1.1b", "llama-2-7b", "llama-3-8b", "llama-2-13b",
    "llama-2-70b",
  ]

  /// The geometry of a well-known model, or of one that is small enough for tests.
  public init?(known name: String) {
    switch name {
    case "tiny":
      self.init(
        vocabulary: 1024, hidden: 256, intermediate: 512, layers: 2, heads: 4, kvHeads: 2,
        context: 512)
    case "smollm2-135m":
      self.init(
        vocabulary: 49152, hidden: 576, intermediate: 1536, layers: 30, heads: 9, kvHeads: 3,
        context: 8192, theta: 100_000, ties: true)
    case "tinyllama-1.1b":
      self.init(
        vocabulary: 32000, hidden: 2048, intermediate: 5632, layers: 22, heads: 32, kvHeads: 4,
        context: 2048)
    case "llama-2-7b":
      self.init(
        vocabulary: 32000, hidden: 4096, intermediate: 11008, layers: 32, heads: 32, kvHeads: 32,
        context: 4096)
    case "llama-3-8b":
      self.init(
        vocabulary: 128_256, hidden: 4096, intermediate: 14336, layers: 32, heads: 32, kvHeads: 8,
        context: 8192, theta: 500_000)
    case "llama-2-13b":
      self.init(
        vocabulary: 32000, hidden: 5120, intermediate: 13824, layers: 40, heads: 40, kvHeads: 40,
        context: 4096)
    case "llama-2-70b":
      self.init(
        vocabulary: 32000, hidden: 8192, intermediate: 28672, layers: 80, heads: 64, kvHeads: 8,
        context: 4096)
    default: return nil
    }
  }

  private init(
    vocabulary: Int, hidden: Int, intermediate: Int, layers: Int, heads: Int, kvHeads: Int,
    context: Int, theta: Double = 10000, ties: Bool = false
  ) {
    self.init(
      vocabularySize: vocabulary, hiddenSize: hidden, intermediateSize: intermediate,
      layers: layers, heads: heads, kvHeads: kvHeads, headDim: hidden / heads,
      contextLength: context, normEpsilon: 1e-5, ropeTheta: theta, ropeScaling: .none,
      tiesEmbeddings: ties, attentionBias: false, mlpBias: false, initializerRange: 0.02)
  }

  /// A tensor of a checkpoint of this geometry.
  public struct TensorShape: Sendable, Equatable {
    /// The name on the Hugging Face Hub.
    public let name: String
    /// The extents, outermost first; a vector has one.
    public let shape: [Int]
    /// The block that it belongs to; nil for the embedding, the last norm and the head.
    public let block: Int?

    /// The number of elements.
    public var count: Int { shape.reduce(1, *) }
    /// Whether it is the matrix of a linear layer of a block: what quantisation applies to.
    public var isBlockMatrix: Bool { block != nil && shape.count == 2 }
    /// Whether it holds the vectors of tokens.
    public var isEmbedding: Bool { name == LlamaNames.embedding }
  }

  /// Every tensor of a checkpoint of this geometry, in the order of the forward pass.
  public var tensorShapes: [TensorShape] {
    var all: [TensorShape] = []
    func add(_ name: String, _ shape: [Int], _ block: Int? = nil) {
      all.append(TensorShape(name: name, shape: shape, block: block))
    }
    let (queries, keys) = (heads * headDim, kvHeads * headDim)
    add(LlamaNames.embedding, [vocabularySize, hiddenSize])
    for index in 0..<layers {
      let prefix = LlamaNames.layer(index)
      func linear(_ name: String, _ rows: Int, _ columns: Int, bias: Bool) {
        add(prefix + name + ".weight", [rows, columns], index)
        if bias { add(prefix + name + ".bias", [rows], index) }
      }
      add(prefix + "input_layernorm.weight", [hiddenSize], index)
      linear("self_attn.q_proj", queries, hiddenSize, bias: attentionBias)
      linear("self_attn.k_proj", keys, hiddenSize, bias: attentionBias)
      linear("self_attn.v_proj", keys, hiddenSize, bias: attentionBias)
      linear("self_attn.o_proj", hiddenSize, queries, bias: attentionBias)
      add(prefix + "post_attention_layernorm.weight", [hiddenSize], index)
      linear("mlp.gate_proj", intermediateSize, hiddenSize, bias: mlpBias)
      linear("mlp.up_proj", intermediateSize, hiddenSize, bias: mlpBias)
      linear("mlp.down_proj", hiddenSize, intermediateSize, bias: mlpBias)
    }
    add(LlamaNames.norm, [hiddenSize])
    if !tiesEmbeddings { add(LlamaNames.head, [vocabularySize, hiddenSize]) }
    return all
  }
}
