import HalterBackend
import HalterNN
import HalterTensor

/// Writes a continuation of a prompt token by token, with the keys and values of earlier tokens
/// kept; a conversation goes on from what is already there.
public final class Generator {
  /// Why a generation ended.
  public enum Finish: String, Sendable {
    /// A stop token came; it is not part of the result.
    case stop
    /// The wanted number of tokens was reached.
    case length
    /// The model's context is full.
    case context
    /// The caller asked to end.
    case cancelled
  }

  private let model: any CausalLM
  private var cache: KeyValueCache
  private var cached: [Int32] = []

  /// A generator with an empty memory.
  /// - Parameter capacity: the most tokens of prompt and continuation together, at most the
  ///   model's context.
  public init(_ model: any CausalLM, capacity: Int) {
    self.model = model
    cache = model.makeCache(capacity: min(max(1, capacity), model.contextLength))
  }

  /// Continues a prompt.
  /// - Parameters:
  ///   - prompt: at least one token; what it shares with the tokens seen so far is not computed
  ///     again.
  ///   - maxTokens: the most tokens to write.
  ///   - stops: the ids that end the continuation.
  ///   - onToken: called with each token; returns whether to go on.
  /// - Throws: `ModelError` if the prompt is empty or does not leave room in the context.
  public func generate(
    _ prompt: [Int32], maxTokens: Int, stops: Set<Int32>, sampling: Sampling,
    onToken: (Int32) -> Bool = { _ in true }
  ) throws(ModelError) -> (tokens: [Int32], finish: Finish) {
    guard !prompt.isEmpty else {
      throw ModelError(path: "prompt", "is empty", mend: "Give at least one token to continue")
    }
    guard prompt.count < cache.capacity else {
      throw ModelError(
        path: "prompt", "has \(prompt.count) tokens, the context holds \(cache.capacity)",
        mend: "Shorten the prompt")
    }
    var sampler = Sampler(sampling)
    var logits = withoutGradients { advance(rewind(to: prompt)) }
    var tokens: [Int32] = []
    while tokens.count < maxTokens {
      let token = sampler.next(logits)
      if stops.contains(token) { return (tokens, .stop) }
      tokens.append(token)
      if !onToken(token) { return (tokens, .cancelled) }
      if tokens.count == maxTokens { break }
      if cached.count == cache.capacity { return (tokens, .context) }
      logits = withoutGradients { advance([token]) }
    }
    return (tokens, .length)
  }

  /// Drops what the prompt does not share with the tokens seen, and returns what is new in it:
  /// at least one token, whose logits are wanted.
  private func rewind(to prompt: [Int32]) -> [Int32] {
    var shared = 0
    while shared < min(cached.count, prompt.count - 1), cached[shared] == prompt[shared] {
      shared += 1
    }
    cache.truncate(to: shared)
    cached.removeLast(cached.count - shared)
    return Array(prompt[shared...])
  }

  /// Runs new tokens through the model; the logits after the last one.
  private func advance(_ tokens: [Int32]) -> [Float] {
    let start = Int32(cached.count)
    let context = model.context(
      positions: tokens.indices.map { start + Int32($0) }, segments: [0, tokens.count],
      dropoutSeed: nil, cache: cache)
    let input = Tensor(tokens, shape: [tokens.count], on: model.backend)
    let hidden = model.hidden(input, context, recomputesBlocks: false)
    cached += tokens
    let last = hidden.gatherRows(
      Tensor([Int32(tokens.count - 1)], shape: [1], on: model.backend))
    return model.logits(last).floats
  }
}
