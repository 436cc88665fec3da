import Foundation
import HalterAdapters
import HalterBackend
import HalterFormats
import HalterModels
import HalterNN
import HalterOptim
import HalterTensor
import Testing

/// Thirty AdamW steps against PEFT, in f32: of LoRA and DoRA over NF4 weights of bitsandbytes, and of
/// DoRA over f32 weights.
@Suite struct QLoRATests {
  /// `qlora.json`.
  private struct Settings: Decodable {
    struct Course: Decodable {
      let losses: [Float]
      let gradient_norms: [Float]
      let tensors: [String]
    }

    let rank: Int
    let alpha: Double
    let rate: Float
    let clip: Double
    let steps: Int
    let plain: Course
    let double: Course
    let dora: Course
    let dora_nf4: Course
  }

  private struct Outcome {
    var losses: [Float] = []
    var norms: [Float] = []
    var parameters: [NamedParameter] = []
    var names: [String] { parameters.map { PEFTDirectory.prefix + $0.name }.sorted() }
  }

  private let settings: Settings
  private let batch: TinyLlamaTests.Batch

  init() throws {
    settings = try JSONDecoder().decode(
      Settings.self, from: Data(contentsOf: Golden.url("qlora/qlora.json")))
    batch = try TinyLlamaTests.Batch(Golden("qlora/batch.safetensors"))
  }

  private func train(
    _ quantization: WeightQuantization?, dora: Bool = false, rslora: Bool = false,
    on backend: CPUBackend
  ) throws -> Outcome {
    let model = try Checkpoint(Golden.url("qlora/base"))
      .load(on: backend, trainable: false, quantization: quantization)
    let adapter = try LoRAAdapter.inject(
      LoRAConfiguration(
        rank: settings.rank, alpha: settings.alpha, usesRSLoRA: rslora, usesDoRA: dora),
      into: model.linearSlots, seed: 0)
    for named in adapter.parameters where !named.parameter.isVector {
      let name = "qlora/" + PEFTDirectory.prefix + named.name
      named.parameter.assign(
        GeneratedNumbers.symmetric(name, count: named.parameter.count, bound: 0.1))
    }
    let optimizer = AdamW(
      adapter.parameters.map {
        AdamW.Target(name: $0.name, tensor: $0.parameter.value, decays: false)
      }, configuration: .init(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0))
    var outcome = Outcome(parameters: adapter.parameters)
    for _ in 0..<settings.steps {
      let loss = linearCrossEntropy(
        TinyLlamaTests.hidden(model, batch), head: model.head, targets: batch.targets,
        scale: 1 / batch.weights.reduce(0, +)
      ).loss
      loss.backward()
      let norm = globalGradientNorm(optimizer.targets)
      optimizer.step(
        learningRate: settings.rate,
        gradientScale: clippingFactor(norm: norm, maximum: settings.clip))
      optimizer.clearGradients()
      outcome.losses.append(loss.scalar)
      outcome.norms.append(Float(norm))
    }
    return outcome
  }

  @Test(arguments: [false, true])
  func lossesAreThoseOfPEFTOverBitsandbytes(isDouble: Bool) throws {
    let golden = isDouble ? settings.double : settings.plain
    let run = try train(
      WeightQuantization(kind: .nf4, isDouble: isDouble), on: CPUBackend(threads: 2))
    #expect(run.names == golden.tensors)
    expectClose(run.losses, golden.losses, absolute: 5e-3)
    // The first step has no history that could part: both must be as good as equal.
    expectClose([run.losses[0]], [golden.losses[0]], absolute: isDouble ? 2e-4 : 2e-5)
    expectClose([run.norms[0]], [golden.gradient_norms[0]], relative: isDouble ? 1e-3 : 1e-4)
  }

  @Test func doraOverF32EndsInTheWeightsOfPEFT() throws {
    let run = try train(nil, dora: true, on: CPUBackend(threads: 2))
    #expect(run.names == settings.dora.tensors)
    expectClose(run.losses, settings.dora.losses, absolute: 1e-3)
    expectClose([run.losses[0]], [settings.dora.losses[0]], absolute: 2e-5)
    expectClose([run.norms[0]], [settings.dora.gradient_norms[0]], relative: 1e-4)
    let weights = try Golden("qlora/dora.safetensors")
    let trained = Dictionary(
      uniqueKeysWithValues: run.parameters.map { (PEFTDirectory.prefix + $0.name, $0.parameter) })
    #expect(weights.file.tensors.count == 12)
    for record in weights.file.tensors {
      // Thirty steps of 0.02 each could have moved a value by 0.6.
      let values = try #require(trained[record.name], "\(record.name)").value.floats
      expectClose(values, try weights.floats(record.name), absolute: 5e-3, record.name)
    }
  }

  @Test func doraOverNF4FollowsPEFTOverBitsandbytes() throws {
    let golden = settings.dora_nf4
    let run = try train(
      .init(kind: .nf4, isDouble: false), dora: true, rslora: true, on: CPUBackend(threads: 2))
    #expect(run.names == golden.tensors)
    expectClose(run.losses, golden.losses, absolute: 5e-3)
    expectClose([run.losses[0]], [golden.losses[0]], absolute: 2e-5)
    expectClose([run.norms[0]], [golden.gradient_norms[0]], relative: 1e-4)
  }

  /// The weights themselves make a difference that the comparison above would find.
  @Test func quantisedWeightsAreAnotherModel() throws {
    let model = try Checkpoint(Golden.url("qlora/base"))
      .load(on: CPUBackend(threads: 1), trainable: false)
    let loss = linearCrossEntropy(
      TinyLlamaTests.hidden(model, batch), head: model.head, targets: batch.targets,
      scale: 1 / batch.weights.reduce(0, +)
    ).loss.scalar
    #expect(abs(loss - settings.plain.losses[0]) > 1e-2)
  }

  @Test func bf16FollowsF32() throws {
    let exact = try train(.init(kind: .nf4), on: CPUBackend(threads: 2))
    let rounded = try train(.init(kind: .nf4), on: CPUBackend(threads: 2, compute: .bf16))
    #expect(exact.losses != rounded.losses)
    expectClose(rounded.losses, exact.losses, absolute: 0.05)
    let last = try #require(rounded.losses.last)
    #expect(last < 0.05 * rounded.losses[0])
  }

  @Test(arguments: [false, true]) func threadsChangeNoBit(dora: Bool) throws {
    let quantization = WeightQuantization(kind: .nf4)
    let one = try train(quantization, dora: dora, on: CPUBackend(threads: 1))
    let two = try train(quantization, dora: dora, on: CPUBackend(threads: 2))
    #expect(one.losses == two.losses && one.norms == two.norms)
  }
}
