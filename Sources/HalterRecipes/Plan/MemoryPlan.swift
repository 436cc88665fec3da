import HalterBackend
import HalterModels
import HalterOptim
import HalterTraining

/// The memory of a run by its parts, before anything of it is loaded.
public struct MemoryPlan: Sendable, Equatable, Encodable {
  /// A part of the memory.
  public struct Part: Sendable, Equatable, Encodable {
    /// What takes it, e.g. `weights`.
    public let name: String
    /// What that is in this run, e.g. `nf4 104.6M, f32 28.3M`.
    public let detail: String
    /// How much, in bytes.
    public let bytes: Int
  }

  /// What a run holds, as far as its memory follows from it.
  struct Shape: Equatable {
    var configuration: LlamaConfiguration
    var weights: [WeightMemory]
    /// The adapter; nil where every weight is trained.
    var adapter: Adapter?
    var batch: ActivationMemory.Batch
    var compute: ComputeType
    var recomputes: Bool
    /// Whether a step has several micro-batches.
    var accumulates: Bool
    /// What this process takes before a model is loaded: the program, the tokenizer and the rows.
    var process: Int

    /// How the optimiser keeps its state.
    var optimizer: OptimizerRecipe

    /// The number of parameters that the optimiser changes.
    var trainedCount: Int {
      (adapter?.sizes ?? configuration.tensorShapes.map(\.count)).reduce(0, +)
    }
  }

  /// An adapter's parameters and where they are.
  struct Adapter: Equatable {
    /// The number of elements of each.
    var sizes: [Int]
    var layers: ActivationMemory.Adapted
  }

  /// The parts; their sum is the peak.
  public let parts: [Part]
  /// The most that the run holds at once, in bytes.
  public var peakBytes: Int { parts.reduce(0) { $0 + $1.bytes } }
  /// What the run needs besides what the process has already.
  public var neededBytes: Int { peakBytes - (parts.first { $0.name == Self.process }?.bytes ?? 0) }

  static let process = "process"

  /// The plan of a shape.
  init(_ shape: Shape) {
    let f32 = 4
    let trained = shape.trainedCount
    let kind = shape.optimizer.adamW
    let states =
      shape.adapter?.sizes.map { kind.stateBytes(of: $0) }
      ?? shape.configuration.tensorShapes.map {
        kind.stateBytes(of: $0.count, isEmbedding: $0.isEmbedding)
      }
    let largest = states.max() ?? 0
    let activations = ActivationMemory(
      shape.configuration, batch: shape.batch, adapted: shape.adapter?.layers,
      compute: shape.compute, recomputes: shape.recomputes)
    var parts: [Part] = []
    func add(_ name: String, _ detail: String, _ bytes: Int) {
      parts.append(Part(name: name, detail: detail, bytes: bytes))
    }
    add(Self.process, "the program, the tokenizer and the rows", shape.process)
    for part in shape.weights {
      add("weights", "\(Quantities.count(part.count)) in \(part.format)", part.bytes)
    }
    if let adapter = shape.adapter {
      add(
        "adapter", "\(Quantities.count(trained)) parameters in \(adapter.sizes.count) matrices",
        trained * f32)
    }
    let gradients = trained * f32
    let embedding =
      shape.adapter == nil
      ? shape.configuration.vocabularySize * shape.configuration.hiddenSize * f32 : 0
    add("gradients", "of \(Quantities.count(trained)) parameters", gradients)
    if shape.optimizer.isPaged {
      // One tensor's at a time, and the next one's on its way.
      add("optimizer", "\(kind.rawValue), in a file but for what is in use", 2 * largest)
    } else {
      add("optimizer", "\(kind.rawValue), two moments of each parameter", states.reduce(0, +))
    }
    // In the first micro-batch of a step, gradients come as activations go, but for that of the
    // head, which is made first.
    let growing = shape.accumulates ? 0 : max(0, gradients - embedding)
    let held = shape.recomputes ? "the input of each block" : "what gradients need"
    add(
      "activations", "\(held), of \(Quantities.grouped(shape.batch.tokens)) tokens",
      max(0, activations.kept - growing))
    // The embedding has a gradient by the head and one by lookup before they are one.
    add(
      "passing", "one block on the way back, or the loss",
      max(activations.peak - activations.kept, embedding))
    add("scratch", "factors of products, packed", ActivationMemory.productScratch)
    // A checkpoint is written a tensor at a time.
    add("saving", "a moment of the largest parameter", largest / 2)
    self.parts = parts
  }
}
