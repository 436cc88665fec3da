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
import Testing

/// Thirty AdamW steps of LoRA on the real model against PEFT and torch in float32.
@Suite("SmolLM2 training against PEFT", .serialized, .enabled(if: RealModel.path != nil))
struct SmolLM2TrainingTests {
  /// `training.json`.
  private struct Settings: Decodable {
    let rank: Int
    let alpha: Double
    let betas: [Float]
    let epsilon: Float
    let learning_rate: Float
    let weight_decay: Float
    let clip: Double
    let steps: Int
    let rows_per_step: Int
    let losses: [Float]
    let gradient_norms: [Float]
    let rows: [String]
    let tensors: [String]

    static let golden = Result {
      try JSONDecoder().decode(
        Settings.self, from: Data(contentsOf: Golden.url("smollm2/training.json")))
    }
  }

  /// What thirty steps gave.
  private struct Run: Sendable {
    var losses: [Float] = []
    var gradientNorms: [Float] = []
    var logprobsBefore: [Float] = []
    var logprobsAfter: [Float] = []
    /// The adapter by its PEFT names, at the start and at the end.
    var initial: [String: [Float]] = [:]
    var final: [String: [Float]] = [:]
    var seconds = 0.0
  }

  /// The run that all tests of the suite look at; made once, by the first of them.
  private static let run = Result { try train() }

  private static func rows(_ settings: Settings) throws -> [[Int32]] {
    let tokenizer = try RealModel.tokenizer()
    return settings.rows.map { tokenizer.encode($0) }
  }

  private static func train() throws -> Run {
    let settings = try Settings.golden.get()
    let rows = try rows(settings)
    let model = try RealModel.load()
    let adapter = try LoRAAdapter.inject(
      LoRAConfiguration(rank: settings.rank, alpha: settings.alpha), into: model.linearSlots,
      seed: 0)
    for layer in adapter.layers {
      let name = PEFTDirectory.prefix + layer.name + ".lora_A.weight"
      let bound = Float(1 / Double(layer.inputs).squareRoot())
      layer.a.assign(
        GeneratedNumbers.symmetric(name, count: layer.a.count, bound: bound))
    }
    var run = Run()
    run.initial = values(of: adapter)
    run.logprobsBefore = RealModel.logprobs(model, rows)
    let optimizer = AdamW(
      adapter.parameters.map {
        AdamW.Target(name: $0.name, tensor: $0.parameter.value, decays: true)
      },
      configuration: .init(
        beta1: settings.betas[0], beta2: settings.betas[1], epsilon: settings.epsilon,
        weightDecay: settings.weight_decay))
    let start = ContinuousClock.now
    for step in 0..<settings.steps {
      let chosen = (0..<settings.rows_per_step).map { index in
        RealModel.row(rows[(step * settings.rows_per_step + index) % rows.count])
      }
      let batch = Batch(rows: chosen)
      let loss = linearCrossEntropy(
        model.hidden(of: batch, dropoutSeed: nil, recomputesBlocks: false), head: model.head,
        targets: LossTargets(batch), scale: Float(1 / batch.weightSum)
      ).loss
      loss.backward()
      let norm = globalGradientNorm(optimizer.targets)
      optimizer.step(
        learningRate: settings.learning_rate,
        gradientScale: clippingFactor(norm: norm, maximum: settings.clip))
      optimizer.clearGradients()
      run.losses.append(loss.scalar)
      run.gradientNorms.append(Float(norm))
    }
    run.seconds = (ContinuousClock.now - start) / .seconds(1)
    run.logprobsAfter = RealModel.logprobs(model, rows)
    run.final = values(of: adapter)
    return run
  }

  private static func values(of adapter: LoRAAdapter) -> [String: [Float]] {
    Dictionary(
      uniqueKeysWithValues: adapter.parameters.map {
        (PEFTDirectory.prefix + $0.name, $0.parameter.value.floats)
      })
  }

  /// The elements of a tensor that the fixtures keep.
  private static func sampled(_ values: [Float]) -> [Float] {
    (0..<8).map { values[$0 * (values.count - 1) / 7] }
  }

  @Test("the rows have the reference's ids")
  func rowIDs() throws {
    let rows = try Self.rows(Settings.golden.get())
    let golden = try Golden("smollm2/training.safetensors")
    #expect(try rows.flatMap { $0 } == golden.integers("tokens"))
    #expect(
      try rows.reduce(into: [0]) { $0.append($0[$0.count - 1] + Int32($1.count)) }
        == golden.integers("segments"))
  }

  @Test("the adapter starts from the reference's values, to the bit")
  func initialAdapter() throws {
    let settings = try Settings.golden.get()
    let run = try Self.run.get()
    #expect(run.initial.keys.sorted() == settings.tensors)
    let found = settings.tensors.flatMap { Self.sampled(run.initial[$0] ?? []) }
    #expect(try found == Golden("smollm2/training.safetensors").floats("initial_samples"))
  }

  @Test("log-probabilities before training, to 2e-4")
  func logprobsBefore() throws {
    let expected = try Golden("smollm2/training.safetensors").floats("logprobs_before")
    let difference = largestDifference(try Self.run.get().logprobsBefore, expected)
    #expect(difference < 2e-4)
    print("before training: largest difference of a log-probability \(difference)")
  }

  @Test("the loss of each of 30 steps, to 1e-3")
  func losses() throws {
    let run = try Self.run.get()
    let expected = try Settings.golden.get().losses
    #expect(run.losses.count == 30)
    expectClose(run.losses, expected, absolute: 1e-3)
    let last = abs((run.losses.last ?? 0) - (expected.last ?? 1))
    print(
      "losses: largest difference \(largestDifference(run.losses, expected)), last \(last);",
      "30 steps in \(run.seconds) s")
  }

  @Test("the gradient norm of each of 30 steps, to 1e-3 of itself")
  func gradientNorms() throws {
    let found = try Self.run.get().gradientNorms
    let expected = try Settings.golden.get().gradient_norms
    expectClose(found, expected, relative: 1e-3)
    let ratios = zip(found, expected).map { $0 / $1 }
    print(
      "gradient norms: largest relative difference",
      largestDifference(ratios, ratios.map { _ in 1 }))
  }

  @Test("the adapter after 30 steps lies where the reference's does, to 1e-3 of the way")
  func finalAdapter() throws {
    let settings = try Settings.golden.get()
    let golden = try Golden("smollm2/training.safetensors")
    let run = try Self.run.get()
    let found = settings.tensors.flatMap { Self.sampled(run.final[$0] ?? []) }
    let samples = try golden.floats("samples")
    let starts = try golden.floats("initial_samples")
    try #require(found.count == samples.count)
    var (distance, length) = (0.0, 0.0)
    for index in found.indices {
      let expected = Double(samples[index]) - Double(starts[index])
      let moved = Double(found[index]) - Double(starts[index])
      distance += (moved - expected) * (moved - expected)
      length += expected * expected
    }
    let relative = (distance / length).squareRoot()
    #expect(relative < 1e-3)
    print("final adapter: relative distance of the updates \(relative)")
  }

  @Test("the norm of every tensor and of its update, to 1e-3 of itself")
  func norms() throws {
    let settings = try Settings.golden.get()
    let golden = try Golden("smollm2/training.safetensors")
    let run = try Self.run.get()
    func norm(_ values: [Float]) -> Float {
      Float(values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot())
    }
    let finals = settings.tensors.map { run.final[$0] ?? [] }
    let updates = zip(settings.tensors, finals).map { name, final in
      zip(final, run.initial[name] ?? []).map { $0 - $1 }
    }
    expectClose(finals.map(norm), try golden.floats("norms"), relative: 1e-4, "norm")
    expectClose(updates.map(norm), try golden.floats("update_norms"), relative: 1e-3, "update")
  }

  @Test("log-probabilities after training, to 1e-3")
  func logprobsAfter() throws {
    let expected = try Golden("smollm2/training.safetensors").floats("logprobs_after")
    let difference = largestDifference(try Self.run.get().logprobsAfter, expected)
    #expect(difference < 1e-3)
    print("after training: largest difference of a log-probability \(difference)")
  }
}
