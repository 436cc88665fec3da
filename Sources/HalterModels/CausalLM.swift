import HalterBackend
import HalterNN
import HalterTensor

/// A decoder that predicts the next token: what training, generation and adapters see of a model,
/// whatever its architecture.
public protocol CausalLM: AnyObject {
  /// The number of token ids.
  var vocabularySize: Int { get }
  /// The size of a hidden state.
  var hiddenSize: Int { get }
  /// The number of blocks.
  var layers: Int { get }
  /// The longest context of pre-training, in tokens.
  var contextLength: Int { get }
  /// The device that the model is on.
  var backend: any Backend { get }
  /// The linear layers of the blocks, by their full names: the slots that adapters can wrap.
  var linearSlots: [LinearSlot] { get }
  /// All parameters but frozen matrices, by their full names.
  var parameters: [NamedParameter] { get }
  /// The number of weights, frozen ones and tied ones (once) included.
  var weightCount: Int { get }
  /// The bytes that the weights take in memory.
  var weightBytes: Int { get }
  /// The output projection.
  var head: OutputHead { get }

  /// The context of a forward pass over a flat batch.
  func context(
    positions: [Int32], segments: [Int], dropoutSeed: UInt64?, cache: KeyValueCache?
  ) -> ForwardContext
  /// Final hidden states `[T, hiddenSize]`, normalised, of the tokens, i32 `[T]`, ids in range.
  /// - Parameter recomputesBlocks: keeps only the input of each block and computes the rest again
  ///   in the backward pass.
  func hidden(_ tokens: Tensor, _ context: ForwardContext, recomputesBlocks: Bool) -> Tensor
  /// An empty cache for generating one sequence of up to `capacity` tokens.
  func makeCache(capacity: Int) -> KeyValueCache
  /// The matrices and vectors of the model under the names of a Hugging Face checkpoint, in order,
  /// with what adapters add merged in.
  func checkpointTensors() -> [CheckpointTensor]
}

/// One tensor of a checkpoint, made when it is asked for.
public struct CheckpointTensor {
  /// The name in a Hugging Face checkpoint.
  public let name: String
  /// The extents, outermost first.
  public let shape: [Int]
  /// The f32 values of a range of rows (of elements, for a vector).
  public let rows: (Range<Int>) -> Buffer
}

extension CausalLM {
  /// Logits `[count, vocabulary]` of rows of hidden states.
  public func logits(_ hidden: Tensor) -> Tensor {
    let logits = Tensor(uninitialized: [hidden.shape.rows, vocabularySize], on: backend)
    head.product(hidden.storage, count: hidden.shape.rows, into: logits.storage)
    return logits
  }
}
