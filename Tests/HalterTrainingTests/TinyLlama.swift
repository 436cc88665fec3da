import Foundation
import HalterAdapters
import HalterBackend
import HalterData
import HalterModels
import HalterNN
import HalterOptim
import HalterTensor
import HalterTokenizers
import HalterTraining

/// The tiny Llama of `recipes/tiny` with random weights, and a few conversations to teach it.
struct TinyLlama {
  let checkpoint: Checkpoint
  let tokenizer: Tokenizer
  let template: ChatTemplate
  let model: any CausalLM
  var train: Dataset
  var validation: Dataset

  static let directory = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "recipes/tiny")

  static let questions = [
    ("What is a recipe?", "A file that says what to train."), ("What is LoRA?", "Small factors."),
    ("Who are you?", "I am Halter."), ("Say hi.", "Hi!"), ("Why?", "Because it works."),
    ("Is it fast?", "Yes."), ("One?", "Two, three and four."), ("How?", "With care."),
    ("When?", "Now."), ("Where?", "Here and there."),
  ]

  init(
    threads: Int = 1, from directory: URL = TinyLlama.directory, isTrained: Bool = false
  ) throws {
    checkpoint = try Checkpoint(directory)
    tokenizer = try checkpoint.tokenizer()
    template = try ChatTemplate.detect(jinja: tokenizer.chatTemplateText, tokenizer: tokenizer)
    let backend = CPUBackend(threads: threads)
    model =
      isTrained
      ? try checkpoint.load(on: backend, trainable: false)
      : try checkpoint.random(seed: 5, on: backend)
    let encoder = ExampleEncoder(
      renderer: PromptRenderer(tokenizer: tokenizer, template: template))
    let rows = Self.questions.enumerated().map { index, pair in
      Example.conversation(
        Conversation(
          messages: [
            Message(role: .user, content: pair.0), Message(role: .assistant, content: pair.1),
          ], location: RowLocation(file: "rows.jsonl", line: index + 1)))
    }
    train = try Dataset(Array(rows[0..<8]), encoder: encoder)
    validation = try Dataset(Array(rows[8...]), encoder: encoder)
  }

  func method(recomputesBlocks: Bool = false) -> SFTMethod {
    SFTMethod(
      model: model, train: train, validation: validation, recomputesBlocks: recomputesBlocks)
  }

  var weights: any TrainedWeights {
    ModelWeights(model, checkpoint: checkpoint, tokenizer: tokenizer, template: template)
  }

  /// The gradients of all parameters for the mean loss of some batches of rows, by name; and that
  /// mean.
  func gradients(
    of batches: [[Int]], recomputesBlocks: Bool = false
  ) throws -> (loss: Double, gradients: [String: [Float]]) {
    let method = method(recomputesBlocks: recomputesBlocks)
    let parameters = weights.parameters
    for parameter in parameters { parameter.parameter.value.clearGradient() }
    let weight = try batches.reduce(0.0) { try $0 + method.weight(of: $1, in: .train) }
    var sum = 0.0
    for rows in batches {
      let batch = try method.loss(of: rows, in: .train, scale: 1 / weight, dropoutSeed: nil)
      sum += batch.sum
      batch.loss.backward()
    }
    return (
      sum / weight,
      Dictionary(
        uniqueKeysWithValues: parameters.map {
          ($0.name, $0.parameter.value.gradient?.floats ?? [])
        })
    )
  }

  /// A loop over this model.
  func trainer(
    _ weights: any TrainedWeights, in folder: URL, steps: Int, observer: any RunObserver,
    kind: AdamW.Kind = .full, drops: Bool = false, rate: Double = 3e-3,
    planner: BatchPlanner? = nil,
    stop: @escaping () -> Bool = { false }
  ) -> (trainer: Trainer, optimizer: AdamW, store: CheckpointStore) {
    let optimizer = AdamW(
      weights.parameters.map {
        AdamW.Target(name: $0.name, tensor: $0.parameter.value, decays: !$0.parameter.isVector)
      }, configuration: AdamW.Configuration(kind: kind, weightDecay: 0.01))
    let store = CheckpointStore(run: folder)
    let trainer = Trainer(
      method: method(), weights: weights, optimizer: optimizer,
      planner: planner
        ?? BatchPlanner(lengths: train.lengths, budget: .tokens(64), accumulate: 2, seed: 3),
      configuration: TrainerConfiguration(
        schedule: Schedule(peak: rate, shape: .constant, warmupSteps: 1, totalSteps: steps),
        clip: 1, evaluateEvery: nil, saveEvery: nil, keep: 2, seed: 3, dropsOut: drops,
        recipeFingerprint: "sft"), store: store, sample: { [] }, observers: [observer],
      shouldStop: stop)
    return (trainer, optimizer, store)
  }

  /// The largest difference of two sets of gradients.
  static func distance(_ a: [String: [Float]], _ b: [String: [Float]]) -> Float {
    guard a.keys == b.keys else { return .infinity }
    return a.reduce(0) { worst, entry in
      let other = b[entry.key] ?? []
      guard other.count == entry.value.count, !other.isEmpty else { return .infinity }
      return max(worst, zip(entry.value, other).map { abs($0 - $1) }.max() ?? .infinity)
    }
  }
}
