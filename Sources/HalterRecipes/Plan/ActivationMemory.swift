import HalterBackend
import HalterModels

/// What a forward and a backward pass over one batch hold in memory: the formulas, all of them.
///
/// `ActivationMemoryTests` compares them with what the pool really handed out. Whoever changes what
/// an operation keeps for its gradient changes its line here.
struct ActivationMemory: Equatable {
  /// What the passes are over.
  struct Batch: Equatable {
    /// The tokens of the batch.
    var tokens: Int
    /// Those that carry loss.
    var trained: Int
    /// The tokens of its longest row.
    var longest: Int
  }

  /// The linear layers of a block that have an adapter, and of which rank.
  struct Adapted: Equatable {
    var rank: Int
    /// The blocks with adapters, by the number of adapted layers in each; all others have none.
    var layers: [Int: Int]
  }

  /// Kept by all blocks until the backward pass has gone through them, in bytes.
  let kept: Int
  /// Needed besides while one block is passed backward: gradients, and what is computed again.
  let passing: Int
  /// The logits and hidden states of the loss.
  let loss: Int

  /// The most that is held at once.
  var peak: Int { kept + max(passing, loss) }

  /// Rows of logits that are in memory at a time where the head is trained.
  private static let logitRows = 128
  /// What products pack their factors into, whatever the batch.
  static let productScratch = 12 << 20

  /// The memory of a pass.
  /// - Parameters:
  ///   - adapted: nil where every weight is trained.
  ///   - compute: what products compute with.
  ///   - recomputes: whether only the input of each block is kept.
  init(
    _ c: LlamaConfiguration, batch: Batch, adapted: Adapted?, compute: ComputeType,
    recomputes: Bool
  ) {
    let f32 = 4
    // What is inside a block has the type that products compute in; the stream around it has f32.
    let activation = compute == .bf16 ? 2 : 4
    let (d, q, k) = (c.hiddenSize, c.heads * c.headDim, c.kvHeads * c.headDim)
    let i = c.intermediateSize

    /// For each token of a block, by the operation that keeps it.
    func block(adaptedLayers: Int) -> Int {
      let norms = 2 * (d * activation + f32)  // their rows before the weight, and 1 / rms
      let attention = (q + 2 * k + q) * activation + c.heads * f32  // q, k, v, out; log-sum-exp
      let swiglu = 2 * i * activation  // gate and up; its output is computed again
      let lora = adaptedLayers * (adapted?.rank ?? 0) * f32  // x · Aᵀ
      return norms + attention + swiglu + lora
    }
    // Nothing is recorded before the first block that has something to train.
    let first = adapted?.layers.keys.min() ?? 0
    let recorded = recomputes ? 0..<c.layers : first..<c.layers
    let blocks = recorded.map { block(adaptedLayers: adapted?.layers[$0] ?? 0) }
    let lastNorm = d * f32 + f32

    // While the feed-forward layer of a block is passed backward: the gradient of its result, and
    // those of gate, up and their product.
    let backward = d * f32 + 3 * i * activation
    // In attention: the gradient of the block's input, those of the output, queries, keys and
    // values, and the working memory of the kernels.
    let heads = d * f32 + (2 * q + 2 * k) * activation
    let scratch = Self.attentionScratch(c, batch, compute)
    // By then the feed-forward layer of the last block has let go of gate and up.
    let gone = 2 * i * activation
    // The input of the block that is computed again is kept already; its result lives on.
    let again = recomputes ? (blocks.max() ?? 0) + d * f32 : 0

    let tokens = batch.tokens
    kept = tokens * (lastNorm + (recomputes ? c.layers * d * f32 : blocks.reduce(0, +)))
    passing = tokens * again + max(tokens * backward, tokens * (heads - gone) + scratch)
    // The last hidden states, those that carry loss and their gradients, and a chunk of logits.
    loss =
      tokens * d * f32 + 2 * batch.trained * d * f32
      + (adapted == nil
        ? min(batch.trained, Self.logitRows) * c.vocabularySize * f32
        : Self.fusedLoss(c, trained: batch.trained, activation: activation))
  }

  /// The working memory of the loss of a frozen head (`cross_entropy.c`): exponentials of a chunk of
  /// rows, in at most 32 MiB, the rows packed in blocks, and two slabs of the head.
  private static func fusedLoss(_ c: LlamaConfiguration, trained: Int, activation: Int) -> Int {
    guard trained > 0 else { return 0 }
    let affordable = max(42, (32 << 20) / (c.vocabularySize * activation))
    let rows = min(trained, 1008, affordable)
    let elements = 384 * 4 / activation
    let packed = (c.hiddenSize + elements - 1) / elements * 1600
    return rows * (c.vocabularySize * activation + packed) + 2 * (2 << 20)
  }

  /// What attention takes for a batch of rows as long as its longest.
  private static func attentionScratch(
    _ c: LlamaConfiguration, _ batch: Batch, _ compute: ComputeType
  ) -> Int {
    guard batch.tokens > 0 else { return 0 }
    let starts = stride(from: 0, to: batch.tokens, by: max(1, batch.longest))
    return CPUBackend.attentionScratch(
      AttentionGeometry(
        segments: starts + [batch.tokens], heads: c.heads, kvHeads: c.kvHeads,
        headDim: c.headDim, scale: 1), compute: compute, threads: 1)
  }
}
