import HalterBackend
import HalterTensor

/// Causal self-attention with rotary positions and grouped key/value heads
/// (Vaswani et al. 2017; Su et al. 2021; Ainslie et al. 2023).
public final class SelfAttention {
  /// The query projection, `[D → heads · headDim]`.
  public var query: any LinearLayer
  /// The key projection, `[D → kvHeads · headDim]`.
  public var key: any LinearLayer
  /// The value projection, `[D → kvHeads · headDim]`.
  public var value: any LinearLayer
  /// The output projection, `[heads · headDim → D]`.
  public var output: any LinearLayer
  private let heads: Int
  private let kvHeads: Int
  private let headDim: Int
  private let layer: Int

  /// Attention from its four projections; `layer` is its index, by which a cache knows it.
  public init(
    query: any LinearLayer, key: any LinearLayer, value: any LinearLayer,
    output: any LinearLayer, heads: Int, kvHeads: Int, headDim: Int, layer: Int
  ) {
    self.query = query
    self.key = key
    self.value = value
    self.output = output
    self.heads = heads
    self.kvHeads = kvHeads
    self.headDim = headDim
    self.layer = layer
  }

  /// `[T, D]` to `[T, D]`; tokens see earlier ones of their segment (and the cache).
  public func callAsFunction(_ x: Tensor, _ context: ForwardContext) -> Tensor {
    let projected = outputs(of: [query, key, value], x, context, into: context.activationType)
    let q = projected[0].rotated(
      heads: heads, positions: context.positions, tables: context.tables)
    let k = projected[1].rotated(
      heads: kvHeads, positions: context.positions, tables: context.tables)
    let v = projected[2]
    let scale = 1 / Float(headDim).squareRoot()
    guard let cache = context.cache else {
      let geometry = AttentionGeometry(
        segments: context.segments, heads: heads, kvHeads: kvHeads, headDim: headDim, scale: scale)
      return output(causalAttention(q: q, k: k, v: v, geometry: geometry), context, into: .f32)
    }
    let visible = cache.count + 1
    let (keys, values) = cache.append(keys: k, values: v, layer: layer)
    let attended = Tensor(uninitialized: q.shape, on: q.backend)
    q.backend.cachedAttention(
      q: q.storage, k: keys, v: values, out: attended.storage, queries: q.shape.rows,
      visible: visible, heads: heads, kvHeads: kvHeads, headDim: headDim, scale: scale)
    return output(attended, context, into: .f32)
  }
}

/// down(silu(gate(x)) · up(x)): the gated feed-forward layer of Llama (Shazeer 2020).
public final class GatedMLP {
  /// The gate projection, `[D → I]`.
  public var gate: any LinearLayer
  /// The up projection, `[D → I]`.
  public var up: any LinearLayer
  /// The down projection, `[I → D]`.
  public var down: any LinearLayer

  /// A layer from its three projections.
  public init(gate: any LinearLayer, up: any LinearLayer, down: any LinearLayer) {
    self.gate = gate
    self.up = up
    self.down = down
  }

  /// `[T, D]` to `[T, D]`.
  public func callAsFunction(_ x: Tensor, _ context: ForwardContext) -> Tensor {
    let projected = outputs(of: [gate, up], x, context, into: context.activationType)
    return down(projected[0].swiglu(up: projected[1]), context, into: .f32)
  }
}

/// One pre-norm block of a decoder: h + attention(norm(h)), then h + mlp(norm(h)).
public final class DecoderBlock {
  /// The norm before attention.
  public let attentionNorm: RMSNorm
  /// The attention.
  public let attention: SelfAttention
  /// The norm before the feed-forward layer.
  public let mlpNorm: RMSNorm
  /// The feed-forward layer.
  public let mlp: GatedMLP

  /// A block from its parts.
  public init(attentionNorm: RMSNorm, attention: SelfAttention, mlpNorm: RMSNorm, mlp: GatedMLP) {
    self.attentionNorm = attentionNorm
    self.attention = attention
    self.mlpNorm = mlpNorm
    self.mlp = mlp
  }

  /// `[T, D]` to `[T, D]`.
  public func callAsFunction(_ x: Tensor, _ context: ForwardContext) -> Tensor {
    let type = context.activationType
    let h = x + attention(attentionNorm(x, into: type), context)
    return h + mlp(mlpNorm(h, into: type), context)
  }
}
