import HalterBackend
import HalterNN
import HalterTensor

/// A Llama-family decoder (Touvron et al. 2023).
public final class LlamaModel: CausalLM {
  /// The geometry.
  public let configuration: LlamaConfiguration
  public let backend: any Backend
  private let embedding: Embedding
  private let blocks: [DecoderBlock]
  private let norm: RMSNorm
  private let outputHead: Weight?
  private let hasHead: Bool

  /// A model whose weights a source provides.
  /// - Parameter hasHead: whether it is to predict tokens; without, it is a decoder alone.
  /// - Throws: what the source throws; nothing of the model is kept then.
  init(
    _ configuration: LlamaConfiguration, weights: any LlamaWeightSource, hasHead: Bool = true,
    on backend: any Backend
  ) throws {
    let c = configuration
    let (queries, keys) = (c.heads * c.headDim, c.kvHeads * c.headDim)
    func norm(_ name: String) throws -> RMSNorm {
      RMSNorm(weight: try weights.vector(name, count: c.hiddenSize), epsilon: Float(c.normEpsilon))
    }
    func linear(
      _ name: String, _ inputs: Int, _ outputs: Int, bias: Bool
    ) throws -> any LinearLayer {
      Linear(
        weight: try weights.matrix(name + ".weight", rows: outputs, columns: inputs),
        bias: bias ? try weights.vector(name + ".bias", count: outputs) : nil)
    }
    self.configuration = c
    self.backend = backend
    embedding = Embedding(
      weight: try weights.matrix(
        LlamaNames.embedding, rows: c.vocabularySize, columns: c.hiddenSize))
    blocks = try (0..<c.layers).map { index in
      let name = LlamaNames.layer(index)
      let attention = SelfAttention(
        query: try linear(name + "self_attn.q_proj", c.hiddenSize, queries, bias: c.attentionBias),
        key: try linear(name + "self_attn.k_proj", c.hiddenSize, keys, bias: c.attentionBias),
        value: try linear(name + "self_attn.v_proj", c.hiddenSize, keys, bias: c.attentionBias),
        output: try linear(name + "self_attn.o_proj", queries, c.hiddenSize, bias: c.attentionBias),
        heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim, layer: index)
      let mlp = GatedMLP(
        gate: try linear(name + "mlp.gate_proj", c.hiddenSize, c.intermediateSize, bias: c.mlpBias),
        up: try linear(name + "mlp.up_proj", c.hiddenSize, c.intermediateSize, bias: c.mlpBias),
        down: try linear(name + "mlp.down_proj", c.intermediateSize, c.hiddenSize, bias: c.mlpBias))
      return DecoderBlock(
        attentionNorm: try norm(name + "input_layernorm.weight"), attention: attention,
        mlpNorm: try norm(name + "post_attention_layernorm.weight"), mlp: mlp)
    }
    self.norm = try norm(LlamaNames.norm)
    self.hasHead = hasHead
    outputHead =
      c.tiesEmbeddings || !hasHead
      ? nil
      : try weights.matrix(LlamaNames.head, rows: c.vocabularySize, columns: c.hiddenSize)
  }

  public var vocabularySize: Int { configuration.vocabularySize }
  public var hiddenSize: Int { configuration.hiddenSize }
  public var layers: Int { configuration.layers }
  public var contextLength: Int { configuration.contextLength }
  public var head: OutputHead {
    precondition(hasHead, "a decoder without its head predicts no tokens")
    return (outputHead ?? embedding.weight).outputHead
  }

  public func context(
    positions: [Int32], segments: [Int], dropoutSeed: UInt64?, cache: KeyValueCache?
  ) -> ForwardContext {
    let (tables, rows) = configuration.rotary.tables(
      positions: positions, segments: segments, on: backend)
    return ForwardContext(
      positions: rows, tables: tables, segments: segments, dropoutSeed: dropoutSeed, cache: cache)
  }

  public func hidden(
    _ tokens: Tensor, _ context: ForwardContext, recomputesBlocks: Bool
  ) -> Tensor {
    var h = embedding(tokens)
    for block in blocks {
      h = recomputesBlocks ? recompute(h) { block($0, context) } : block(h, context)
    }
    context.cache?.advance(by: tokens.count)
    return norm(h)
  }

  public func makeCache(capacity: Int) -> KeyValueCache {
    KeyValueCache(
      layers: layers, capacity: capacity, width: configuration.kvHeads * configuration.headDim,
      on: backend)
  }

  public var linearSlots: [LinearSlot] {
    blocks.enumerated().flatMap { index, block in
      let name = LlamaNames.layer(index)
      func slot<Part: AnyObject>(
        _ suffix: String, _ part: Part,
        _ path: ReferenceWritableKeyPath<Part, any LinearLayer>
      ) -> LinearSlot {
        LinearSlot(
          name: name + suffix, layer: index, get: { part[keyPath: path] },
          set: { part[keyPath: path] = $0 })
      }
      return [
        slot("self_attn.q_proj", block.attention, \.query),
        slot("self_attn.k_proj", block.attention, \.key),
        slot("self_attn.v_proj", block.attention, \.value),
        slot("self_attn.o_proj", block.attention, \.output),
        slot("mlp.gate_proj", block.mlp, \.gate),
        slot("mlp.up_proj", block.mlp, \.up),
        slot("mlp.down_proj", block.mlp, \.down),
      ]
    }
  }

  public var parameters: [NamedParameter] {
    var all: [NamedParameter] = []
    func add(_ name: String, _ weight: Weight) {
      if let parameter = weight.parameter { all.append(NamedParameter(name, parameter)) }
    }
    add(LlamaNames.embedding, embedding.weight)
    let slots = Dictionary(grouping: linearSlots, by: \.layer)
    for (index, block) in blocks.enumerated() {
      let name = LlamaNames.layer(index)
      all.append(NamedParameter(name + "input_layernorm.weight", block.attentionNorm.weight))
      for slot in slots[index] ?? [] {
        all += slot.get().parameters.map { NamedParameter("\(slot.name).\($0.name)", $0.parameter) }
      }
      all.append(NamedParameter(name + "post_attention_layernorm.weight", block.mlpNorm.weight))
    }
    all.append(NamedParameter(LlamaNames.norm, norm.weight))
    if let outputHead { add(LlamaNames.head, outputHead) }
    return all
  }

  public var weightCount: Int { checkpointTensors().reduce(0) { $0 + $1.shape.reduce(1, *) } }

  public var weightBytes: Int {
    checkpointTensors().reduce(0) { $0 + 4 * $1.shape.reduce(1, *) }
  }

  public func checkpointTensors() -> [CheckpointTensor] {
    func matrix(_ name: String, _ weight: Weight) -> CheckpointTensor {
      CheckpointTensor(
        name: name, shape: [weight.rows, weight.columns], rows: { weight.denseRows($0) })
    }
    func vector(_ name: String, _ parameter: Parameter) -> CheckpointTensor {
      CheckpointTensor(name: name, shape: [parameter.count]) {
        parameter.value.storage.slice(byteOffset: $0.lowerBound * 4, byteCount: $0.count * 4)
      }
    }
    var all = [matrix(LlamaNames.embedding, embedding.weight)]
    let slots = Dictionary(grouping: linearSlots, by: \.layer)
    for (index, block) in blocks.enumerated() {
      let name = LlamaNames.layer(index)
      all.append(vector(name + "input_layernorm.weight", block.attentionNorm.weight))
      for slot in slots[index] ?? [] {
        let layer = slot.get()
        all.append(
          CheckpointTensor(
            name: slot.name + ".weight", shape: [layer.outputs, layer.inputs],
            rows: { layer.effectiveRows($0) }))
        if let bias = layer.bias { all.append(vector(slot.name + ".bias", bias)) }
      }
      all.append(vector(name + "post_attention_layernorm.weight", block.mlpNorm.weight))
    }
    all.append(vector(LlamaNames.norm, norm.weight))
    if let outputHead { all.append(matrix(LlamaNames.head, outputHead)) }
    return all
  }
}
