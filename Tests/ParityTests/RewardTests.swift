import Foundation
import HalterAdapters
import HalterBackend
import HalterData
import HalterFormats
import HalterModels
import HalterNN
import HalterOptim
import HalterTensor
import HalterTraining
import Testing

/// Reward models of TRL and PEFT, and what they compute with them.
@Suite struct RewardTests {
  @Test(
    "loss, scores and metrics of a batch equal TRL's", arguments: RewardCase.Objective.allCases)
  func batch(objective: RewardCase.Objective) throws {
    let golden = try RewardCase()
    let (method, _) = try golden.method(objective)
    let rows = Array(0..<golden.facts.batch)
    let found = try method.loss(of: rows, in: .train, scale: 1 / 6, dropoutSeed: nil)
    let expected = try #require(golden.facts.batches[objective.rawValue])
    #expect(abs(Double(found.loss.scalar) - expected.loss) < 1e-5)
    #expect(abs(found.sum / 6 - expected.loss) < 1e-5)
    // TRL has the scores of all preferred answers first.
    let scores =
      found.comparisons.map { Float($0.scores[0]) }
      + found.comparisons.map { Float($0.scores[1]) }
    expectClose(scores, expected.scores.map { Float($0) }, absolute: 2e-5, relative: 2e-5)
    let summary = try #require(RewardSummary(found.comparisons))
    for (name, value) in [
      ("accuracy", summary.accuracy), ("margin", summary.margin),
      ("mean_reward", summary.meanReward), ("min_reward", summary.minReward),
      ("max_reward", summary.maxReward),
    ] {
      #expect(abs(value - (try #require(expected.metrics[name]))) < 2e-5, "\(name)")
    }
  }

  @Test(
    "every gradient equals TRL's", arguments: RewardCase.Objective.allCases, [false, true])
  func gradients(objective: RewardCase.Objective, recompute: Bool) throws {
    let golden = try RewardCase()
    let expected = try Golden("reward/gradients-\(objective.rawValue).safetensors")
    let (method, weights) = try golden.method(objective, recompute: recompute)
    try method.loss(
      of: Array(0..<golden.facts.batch), in: .train, scale: 1 / 6, dropoutSeed: nil
    ).loss.backward()
    #expect(
      Set(weights.parameters.map { PEFTDirectory.prefix + $0.name })
        == Set(expected.file.tensors.map(\.name)))
    for parameter in weights.parameters {
      let gradient = try #require(parameter.parameter.value.gradient, "\(parameter.name)")
      expectClose(
        gradient.floats, try expected.floats(PEFTDirectory.prefix + parameter.name),
        absolute: 2e-6, relative: 1e-4, parameter.name)
    }
  }

  @Test("the losses of thirty steps are TRL's")
  func curve() throws {
    let golden = try RewardCase()
    let (method, weights) = try golden.method(.margin)
    let optimizer = AdamW(
      weights.parameters.map {
        AdamW.Target(name: $0.name, tensor: $0.parameter.value, decays: true)
      }, configuration: AdamW.Configuration(weightDecay: 0))
    let steps = golden.facts.losses.count
    for (step, rows) in golden.facts.order.enumerated() {
      optimizer.clearGradients()
      let weight = try method.weight(of: rows, in: .train)
      let batch = try method.loss(of: rows, in: .train, scale: 1 / weight, dropoutSeed: nil)
      batch.loss.backward()
      #expect(abs(batch.sum / weight - golden.facts.losses[step]) < 2e-3, "step \(step)")
      let norm = globalGradientNorm(optimizer.targets)
      optimizer.step(
        learningRate: Float(golden.facts.learningRate * (1 - Double(step) / Double(steps))),
        gradientScale: clippingFactor(norm: norm, maximum: 1))
    }
    #expect(steps == 30)
    let trained = try Golden("reward/trained/adapter_model.safetensors")
    for parameter in weights.parameters {
      expectClose(
        parameter.parameter.value.floats,
        try trained.floats(PEFTDirectory.prefix + parameter.name), absolute: 2e-3,
        parameter.name)
    }
  }

  @Test("scores with PEFT's adapter are those of transformers, whatever ends a text")
  func scores() throws {
    let golden = try RewardCase()
    let model = try golden.model(Golden.url("reward/trained")).model
    let found = golden.scores(model)
    #expect(found.count == 100)
    expectClose(found, golden.facts.scores.map { Float($0) }, absolute: 1e-4)
  }

  @Test("a merged directory of transformers has the same scores, and so has ours")
  func merged() throws {
    let golden = try RewardCase()
    let checkpoint = try Checkpoint(Golden.url("reward/merged"))
    let head = try #require(try checkpoint.scoreHead())
    let backbone = try checkpoint.load(
      on: CPUBackend(threads: 2), trainable: false, hasHead: false)
    let model = RewardModel(backbone, head: head, trainable: false)
    expectClose(
      golden.scores(model), golden.facts.scores.map { Float($0) }, absolute: 1e-4)
    // Our own merge gives the same matrices under the same names, without the unused head.
    let tensors = try golden.model(Golden.url("reward/trained")).model.backbone
      .checkpointTensors()
    let theirs = try Golden("reward/merged/model.safetensors")
    #expect(
      Set(tensors.map(\.name) + [RewardModel.headName])
        == Set(theirs.file.tensors.map(\.name)))
    for tensor in tensors {
      expectClose(values(of: tensor), try theirs.floats(tensor.name), absolute: 1e-6, tensor.name)
    }
  }

  @Test("an adapter and its head come back from disk bit by bit")
  func roundTrip() throws {
    let golden = try RewardCase()
    let (_, weights) = try golden.method(.plain)
    try withScratch { directory in
      try weights.write(to: directory)
      #expect(try PEFTDirectory.isClassifier(directory))
      #expect(try PEFTDirectory.base(of: directory) == "tiny_llama/mha_untied")
      let (again, adapter) = try golden.model(directory)
      let expected = golden.scores(try golden.model(Golden.url("reward/start")).model)
      #expect(golden.scores(again) == expected)
      // So do they where a run goes on from a checkpoint.
      let other = RewardAdapterWeights(adapter, again, base: "", template: nil)
      for parameter in other.parameters {
        parameter.parameter.assign(parameter.parameter.value.floats.map { $0 + 1 })
      }
      #expect(golden.scores(again) != expected)
      try other.restore(from: directory)
      #expect(golden.scores(again) == expected)
    }
  }

  @Test("a language model refuses the adapter of a reward model")
  func refusal() throws {
    let model = try LoRACase.base("mha_untied")
    let error = #expect(throws: AdapterError.self) {
      try PEFTDirectory.load(Golden.url("reward/trained"), into: model.linearSlots)
    }
    #expect(error?.description.contains("halter score") == true)
  }
}

/// TRL's golden values of `make_reward.py`.
struct RewardCase {
  enum Objective: String, CaseIterable {
    case plain
    case margin
    case centered
  }

  struct Facts: Decodable {
    struct Pair: Decodable {
      let chosenIds: [Int32]
      let rejectedIds: [Int32]
      let margin: Double
    }
    struct Batch: Decodable {
      let loss: Double
      let metrics: [String: Double]
      let scores: [Double]
    }
    let pairs: [Pair]
    let batches: [String: Batch]
    let batch: Int
    let centering: Double
    let order: [[Int]]
    let losses: [Double]
    let learningRate: Double
    let texts: [[Int32]]
    let scores: [Double]
  }

  let facts: Facts

  init() throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    facts = try decoder.decode(
      Facts.self, from: Data(contentsOf: Golden.url("reward/reward.json")))
  }

  /// The base with an adapter and its head.
  func model(_ adapter: URL) throws -> (model: RewardModel, adapter: LoRAAdapter) {
    let backbone = try Checkpoint(Golden.url("tiny_llama/mha_untied"))
      .load(on: CPUBackend(threads: 2), trainable: false, hasHead: false)
    let head = try #require(
      try PEFTDirectory.head(RewardModel.headName, size: backbone.hiddenSize, in: adapter))
    let lora = try PEFTDirectory.load(
      adapter, into: backbone.linearSlots, head: RewardModel.headName)
    return (RewardModel(backbone, head: head, trainable: true), lora)
  }

  /// The pairs as rows.
  var rows: [TokenizedRow] {
    facts.pairs.enumerated().map { index, pair in
      let tokens = pair.chosenIds + pair.rejectedIds
      return TokenizedRow(
        tokens: tokens, lossWeights: tokens.map { _ in 0 },
        location: RowLocation(file: "pairs", line: index + 1),
        comparison: AnswerComparison(
          lengths: [Int32(pair.chosenIds.count), Int32(pair.rejectedIds.count)], promptLength: 1,
          prompt: UInt64(index), margin: Float(pair.margin)))
    }
  }

  /// Training from the adapter that TRL began with.
  func method(
    _ objective: Objective, recompute: Bool = false
  ) throws -> (RewardMethod, RewardAdapterWeights) {
    let (model, adapter) = try model(Golden.url("reward/start"))
    let options = RewardOptions(
      margin: objective == .plain ? .none : .column,
      objective: PreferenceObjective(centering: objective == .centered ? facts.centering : 0))
    return (
      try RewardMethod(
        model: model, train: Dataset(rows), validation: nil, options: options,
        recomputesBlocks: recompute),
      RewardAdapterWeights(adapter, model, base: "tiny_llama/mha_untied", template: nil)
    )
  }

  /// The scores of all texts, as one flat batch.
  func scores(_ model: RewardModel) -> [Float] {
    let batch = Batch(
      rows: facts.texts.map {
        TokenizedRow(
          tokens: $0, lossWeights: $0.map { _ in 0 }, location: RowLocation(file: "", line: 0))
      })
    return withoutGradients {
      let hidden = model.backbone.hidden(of: batch, dropoutSeed: nil, recomputesBlocks: false)
      return model.scores(hidden, segments: batch.segments).floats
    }
  }
}
