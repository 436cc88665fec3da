import Foundation
import HalterBackend
import HalterFormats
import HalterModels
import HalterNN
import HalterTensor
import Testing

/// Tiny random checkpoints against transformers in float32.
@Suite struct TinyLlamaTests {
  static let cases = [
    "mha_untied", "gqa_tied", "mqa_bias", "head_dim_override", "rope_linear", "rope_dynamic",
    "rope_llama3", "rope_yarn", "bfloat16", "float16",
  ]

  /// A flat batch of a fixture.
  struct Batch {
    let tokens: [Int32]
    let segments: [Int]
    let weights: [Float]
    let positions: [Int32]
    let targets: LossTargets

    init(_ golden: Golden) throws {
      tokens = try golden.integers("tokens")
      segments = try golden.integers("segments").map { Int($0) }
      weights = try golden.floats("loss_weights")
      positions = zip(segments, segments.dropFirst()).flatMap { (0..<Int32($1 - $0)) }
      targets = try Self.targets(tokens, weights)
    }

    static func targets(_ tokens: [Int32], _ weights: [Float]) throws -> LossTargets {
      let trained = tokens.indices.filter { weights[$0] != 0 }
      return LossTargets(
        rows: trained.map { Int32($0 - 1) }, labels: trained.map { tokens[$0] },
        weights: trained.map { weights[$0] })
    }
  }

  static func hidden(_ model: any CausalLM, _ batch: Batch, recompute: Bool = false) -> Tensor {
    let context = model.context(
      positions: batch.positions, segments: batch.segments, dropoutSeed: nil, cache: nil)
    let tokens = Tensor(batch.tokens, shape: [batch.tokens.count], on: model.backend)
    return model.hidden(tokens, context, recomputesBlocks: recompute)
  }

  @Test(arguments: cases) func logits(name: String) throws {
    let golden = try Golden("tiny_llama/\(name)/expected.safetensors")
    let batch = try Batch(golden)
    let backend = CPUBackend(threads: 2)
    let model = try Checkpoint(Golden.url("tiny_llama/\(name)")).load(on: backend, trainable: false)
    let logits = model.logits(Self.hidden(model, batch)).floats
    expectClose(logits, try golden.floats("logits"), absolute: 2e-5, relative: 2e-5)
  }

  @Test(arguments: ["mha_untied", "gqa_tied", "mqa_bias"], [false, true])
  func gradients(name: String, recompute: Bool) throws {
    let golden = try Golden("tiny_llama/\(name)/expected.safetensors")
    let gradients = try Golden("tiny_llama/\(name)/gradients.safetensors")
    let batch = try Batch(golden)
    let backend = CPUBackend(threads: 2)
    let model = try Checkpoint(Golden.url("tiny_llama/\(name)")).load(on: backend, trainable: true)
    let (loss, logprobs) = linearCrossEntropy(
      Self.hidden(model, batch, recompute: recompute), head: model.head, targets: batch.targets,
      scale: 1 / batch.weights.reduce(0, +))
    expectClose([loss.scalar], try golden.floats("loss"), relative: 1e-5)
    let expected = try golden.floats("logprobs")
    expectClose(
      logprobs, batch.targets.rows.map { expected[Int($0) + 1] }, absolute: 2e-5, relative: 2e-5)
    loss.backward()
    let names = Set(gradients.file.tensors.map(\.name))
    #expect(Set(model.parameters.map(\.name)) == names)
    for parameter in model.parameters {
      let gradient = try #require(parameter.parameter.value.gradient, "\(parameter.name)")
      expectClose(
        gradient.floats, try gradients.floats(parameter.name), absolute: 2e-6, relative: 1e-4,
        parameter.name)
    }
  }
}
