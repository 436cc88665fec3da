import HalterBackend
import HalterTensor

/// What a forward pass is over, apart from the tokens: where segments lie and which random choices
/// to make.
public struct ForwardContext {
  /// The position of each token in the rotary tables, i32 `[T]`.
  public let positions: Tensor
  /// The rotary angles.
  public let tables: RotaryTables
  /// The starts of the segments, `[0, …, T]`.
  public let segments: [Int]
  /// Seeds the dropout of this pass; nil in evaluation, where nothing is dropped.
  public let dropoutSeed: UInt64?
  /// Where keys and values of earlier tokens are kept while generating; nil in training.
  public let cache: KeyValueCache?

  /// The type of activations inside a block; f32 while generating, where products of few rows do
  /// not round.
  public var activationType: DType { cache == nil ? positions.backend.activationType : .f32 }

  /// A context.
  public init(
    positions: Tensor, tables: RotaryTables, segments: [Int], dropoutSeed: UInt64? = nil,
    cache: KeyValueCache? = nil
  ) {
    self.positions = positions
    self.tables = tables
    self.segments = segments
    self.dropoutSeed = dropoutSeed
    self.cache = cache
  }
}

/// Keys and values of the tokens so far, layer by layer, for generation of one sequence.
public final class KeyValueCache {
  /// The number of tokens that fit.
  public let capacity: Int
  /// The number of tokens stored.
  public private(set) var count = 0
  private let width: Int
  private let backend: any Backend
  private var keys: [Buffer]
  private var values: [Buffer]
  private var room: [Int]

  /// An empty cache; memory is taken as tokens come, up to `capacity` of them.
  /// - Parameters:
  ///   - layers: the number of layers.
  ///   - width: kv heads times head size.
  public init(layers: Int, capacity: Int, width: Int, on backend: any Backend) {
    self.capacity = capacity
    self.width = width
    self.backend = backend
    keys = (0..<layers).map { _ in backend.allocate(byteCount: 1) }
    values = (0..<layers).map { _ in backend.allocate(byteCount: 1) }
    room = [Int](repeating: 0, count: layers)
  }

  /// Makes room for `tokens` tokens of a layer, doubling so that copies stay few.
  private func grow(layer: Int, to tokens: Int) {
    if tokens <= room[layer] { return }
    room[layer] = min(capacity, max(tokens, 2 * room[layer], 256))
    for list in [\KeyValueCache.keys, \KeyValueCache.values] {
      let larger = backend.allocate(byteCount: max(1, room[layer] * width * 4))
      backend.copy(self[keyPath: list][layer], to: larger, byteCount: count * width * 4)
      self[keyPath: list][layer] = larger
    }
  }

  /// Stores the keys and values of new tokens of a layer and returns all up to now.
  func append(keys k: Tensor, values v: Tensor, layer: Int) -> (keys: Buffer, values: Buffer) {
    let rows = k.shape.rows
    precondition(count + rows <= capacity, "the cache holds \(capacity) tokens")
    grow(layer: layer, to: count + rows)
    let (offset, bytes) = (count * width * 4, rows * width * 4)
    k.backend.copy(
      k.storage, to: keys[layer].slice(byteOffset: offset, byteCount: bytes), byteCount: bytes)
    v.backend.copy(
      v.storage, to: values[layer].slice(byteOffset: offset, byteCount: bytes), byteCount: bytes)
    return (keys[layer], values[layer])
  }

  /// Counts new tokens as stored, once every layer has appended them.
  public func advance(by tokens: Int) { count += tokens }

  /// Forgets all but the first tokens.
  public func truncate(to tokens: Int) { count = min(count, tokens) }
}
