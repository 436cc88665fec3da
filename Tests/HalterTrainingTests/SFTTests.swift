import Foundation
import HalterAdapters
import HalterData
import HalterModels
import HalterNN
import HalterOptim
import HalterTensor
import HalterTokenizers
import HalterTraining
import Testing

/// Supervised fine-tuning of a small Llama.
@Suite struct SFTTests {
  @Test("packed rows are worth the same as rows on their own (complaint 14)")
  func packedRowsAreWorthTheSameAsRowsOnTheirOwn() throws {
    let tiny = try TinyLlama()
    let packed = try tiny.gradients(of: [Array(0..<8)])
    let single = try tiny.gradients(of: (0..<8).map { [$0] })
    #expect(abs(packed.loss - single.loss) < 1e-5)
    #expect(TinyLlama.distance(packed.gradients, single.gradients) < 1e-5)
  }

  @Test("accumulating k batches is one batch of them all (complaint 12)", arguments: [1, 2, 4])
  func accumulatedBatchesAreOneLargeBatch(rows: Int) throws {
    try withFolder { folder throws in
      func steps(of rows: Int, _ accumulate: Int) throws -> [StepMetrics] {
        let tiny = try TinyLlama()
        let recorder = Recorder()
        let planner = BatchPlanner(
          lengths: tiny.train.lengths, budget: .rows(rows), accumulate: accumulate, seed: 3)
        _ = try tiny.trainer(
          tiny.weights, in: folder.appending(path: "\(rows)"), steps: 3, observer: recorder,
          rate: 1e-4, planner: planner
        ).trainer.run()
        return recorder.steps
      }
      // Eight rows are an epoch, so that a step is over all of them either way.
      let large = try steps(of: 8, 1)
      let small = try steps(of: rows, 8 / rows)
      #expect(large.count == 3 && small.count == 3)
      for (one, many) in zip(large, small) {
        #expect(one.trainedTokens == many.trainedTokens)
        #expect(abs(one.loss - many.loss) < 1e-6 * one.loss)
        #expect(abs(one.gradientNorm - many.gradientNorm) < 1e-6 * one.gradientNorm)
      }
    }
  }

  @Test func theOrderOfRowsInABatchDoesNotMatter() throws {
    let tiny = try TinyLlama()
    let forth = try tiny.gradients(of: [[0, 1, 2, 3, 4, 5, 6, 7]])
    let back = try tiny.gradients(of: [[7, 2, 5, 0, 6, 1, 4, 3]])
    #expect(abs(forth.loss - back.loss) < 1e-5)
    #expect(TinyLlama.distance(forth.gradients, back.gradients) < 1e-5)
  }

  @Test func recomputingBlocksChangesNoBit() throws {
    let tiny = try TinyLlama()
    let kept = try tiny.gradients(of: [[0, 1, 2]])
    let again = try tiny.gradients(of: [[0, 1, 2]], recomputesBlocks: true)
    #expect(kept.loss == again.loss)
    #expect(TinyLlama.distance(kept.gradients, again.gradients) == 0)
  }

  @Test func everyParameterGetsAGradient() throws {
    let tiny = try TinyLlama()
    let gradients = try tiny.gradients(of: [Array(0..<8)]).gradients
    #expect(gradients.count == 20)
    for (name, gradient) in gradients {
      #expect(gradient.contains { $0 != 0 }, "\(name) has no gradient")
    }
  }

  @Test func onlyAnswersAndTheirStopsCarryLoss() throws {
    let tiny = try TinyLlama()
    let row = try tiny.train.row(3)
    let trained = row.tokens.indices.filter { row.lossWeights[$0] != 0 }.map { row.tokens[$0] }
    #expect(tiny.tokenizer.decode(trained, skipSpecial: false) == "Hi!<|im_end|>")
    #expect(try tiny.method().weight(of: [3], in: .train) == Double(trained.count))
  }

  @Test func untrainedModelsGuessAmongAllTokens() throws {
    let tiny = try TinyLlama()
    let loss = try tiny.gradients(of: [Array(0..<8)]).loss
    #expect(abs(loss - log(512)) < 0.3)
  }

  @Test(arguments: [1, 2, 3])
  func threadsChangeNoBit(threads: Int) throws {
    let one = try TinyLlama(threads: 1).gradients(of: [Array(0..<8)])
    let many = try TinyLlama(threads: threads).gradients(of: [Array(0..<8)])
    #expect(one.loss == many.loss)
    #expect(TinyLlama.distance(one.gradients, many.gradients) == 0)
  }

  @Test func theLossFalls() throws {
    try withFolder { folder throws in
      let tiny = try TinyLlama()
      let recorder = Recorder()
      let run = tiny.trainer(tiny.weights, in: folder, steps: 12, observer: recorder, rate: 1e-2)
      #expect(try run.trainer.run().ending == .finished)
      let losses = recorder.steps.map(\.loss)
      #expect(try #require(losses.last) < 0.7 * losses[0])
      let evaluations = recorder.evaluations.map(\.loss)
      #expect(try #require(evaluations.last) < evaluations[0])
    }
  }

  @Test func theLossOfAStepIsOverTheTokensOfAllItsBatches() throws {
    try withFolder { folder throws in
      let tiny = try TinyLlama()
      let recorder = Recorder()
      _ = try tiny.trainer(tiny.weights, in: folder, steps: 4, observer: recorder).trainer.run()
      let epoch = recorder.steps.prefix { $0.epoch <= 1 }
      #expect(epoch.map(\.tokens).reduce(0, +) == tiny.train.statistics.tokens)
      #expect(epoch.map(\.trainedTokens).reduce(0, +) == tiny.train.statistics.trainedTokens)
    }
  }

  // MARK: - With an adapter

  /// A tiny checkpoint with weights to freeze.
  private func base(in folder: URL) throws -> URL {
    let tiny = try TinyLlama()
    let url = folder.appending(path: "base")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    try tiny.weights.write(to: url)
    return url
  }

  private func adapted(_ base: URL) throws -> (tiny: TinyLlama, weights: AdapterWeights) {
    let tiny = try TinyLlama(from: base, isTrained: true)
    let adapter = try LoRAAdapter.inject(
      LoRAConfiguration(rank: 4, alpha: 8, dropout: 0.2), into: tiny.model.linearSlots, seed: 11)
    return (tiny, AdapterWeights(adapter, base: "base", template: tiny.template))
  }

  @Test(arguments: [1, 2, 3, 4, 5])
  func anAdapterWithDropoutResumesToTheSameBits(step: Int) throws {
    try withFolder { folder throws in
      let base = try base(in: folder)
      let (tiny, weights) = try adapted(base)
      let whole = Recorder()
      _ = try tiny.trainer(
        weights, in: folder.appending(path: "whole"), steps: 6, observer: whole, drops: true
      ).trainer.run()

      let parts = folder.appending(path: "parts")
      let (early, earlyWeights) = try adapted(base)
      let first = Recorder()
      _ = try early.trainer(
        earlyWeights, in: parts, steps: 6, observer: first, drops: true,
        stop: { first.steps.count == step }
      ).trainer.run()
      let (late, lateWeights) = try adapted(base)
      let second = Recorder()
      let run = late.trainer(lateWeights, in: parts, steps: 6, observer: second, drops: true)
      try run.trainer.resume(from: run.store.newest())
      _ = try run.trainer.run()

      #expect((first.steps + second.steps).map(\.loss) == whole.steps.map(\.loss))
      #expect((first.steps + second.steps).map(\.gradientNorm) == whole.steps.map(\.gradientNorm))
      for (a, b) in zip(weights.parameters, lateWeights.parameters) {
        #expect(a.parameter.value.floats == b.parameter.value.floats, "\(a.name)")
      }
    }
  }

  @Test func dropoutIsOffInEvaluation() throws {
    try withFolder { folder throws in
      let (tiny, weights) = try adapted(try base(in: folder))
      for parameter in weights.parameters {
        parameter.parameter.assign(parameter.parameter.value.floats.map { _ in 0.05 })
      }
      let method = tiny.method()
      func loss(_ seed: UInt64?) throws -> Double {
        try method.loss(of: [0, 1], in: .train, scale: 1, dropoutSeed: seed).sum
      }
      #expect(try loss(nil) == loss(nil))
      #expect(try loss(1) == loss(1))
      #expect(try loss(1) != loss(2))
      #expect(try loss(1) != loss(nil))
    }
  }

  @Test func anAdapterTrainsNothingElse() throws {
    try withFolder { folder throws in
      let (tiny, weights) = try adapted(try base(in: folder))
      let names = weights.parameters.map(\.name)
      #expect(names.count == 28)
      for name in names { #expect(name.contains(".lora_")) }
      func frozen() -> [String: [Float]] {
        let others = tiny.model.parameters.filter { !$0.name.contains("lora_") }
        return Dictionary(
          uniqueKeysWithValues: others.map { ($0.name, $0.parameter.value.floats) })
      }
      let before = frozen()
      let start = try tiny.method().loss(
        of: [0, 1, 2], in: .train, scale: 1, dropoutSeed: nil
      ).sum
      _ = try tiny.trainer(
        weights, in: folder, steps: 6, observer: Recorder(), drops: true, rate: 1e-2
      ).trainer.run()
      #expect(frozen() == before)
      #expect(before.count == 5)
      let end = try tiny.method().loss(
        of: [0, 1, 2], in: .train, scale: 1, dropoutSeed: nil
      ).sum
      #expect(end < start)
    }
  }

  @Test func theTemplateTravelsWithTheAdapter() throws {
    try withFolder { folder throws in
      let (tiny, weights) = try adapted(try base(in: folder))
      try weights.write(to: folder)
      let jinja = try String(contentsOf: AdapterWeights.template(in: folder), encoding: .utf8)
      #expect(jinja == tiny.template.jinja)
      #expect(weights.summary == "LoRA r=4 alpha=8 on 14 layers")
    }
  }
}
