import Foundation
import HalterAdapters
import HalterBackend
import HalterData
import HalterFormats
import HalterModels
import HalterNN
import HalterTensor
import HalterTraining
import Testing

@testable import HalterRecipes

/// What `ActivationMemory` and `Checkpoint.memory` predict against what the pool handed out.
@Suite struct ActivationMemoryTests {
  /// A checkpoint in a folder of its own.
  private final class Made {
    let checkpoint: Checkpoint
    private let folder: URL

    init(_ config: String, _ format: RandomCheckpoint.Format = .safetensorsF32) throws {
      folder = FileManager.default.temporaryDirectory.appending(path: "memory-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let file = folder.appending(path: "config.json")
      try Data(config.utf8).write(to: file)
      let url = folder.appending(path: "model")
      try RandomCheckpoint(
        LlamaConfiguration(config: ConfigFile(file)), from: file.path, format: format, seed: 1,
        on: CPUBackend(threads: 2)
      ).write(to: url)
      checkpoint = try Checkpoint(url)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }
  }

  private static func config(heads: Int = 4, kvHeads: Int = 2, ties: Bool = true) -> String {
    """
    {"model_type": "llama", "vocab_size": 300, "hidden_size": 128, "intermediate_size": 384,
     "num_hidden_layers": 4, "num_attention_heads": \(heads), "num_key_value_heads": \(kvHeads),
     "max_position_embeddings": 1024, "tie_word_embeddings": \(ties)}
    """
  }

  /// 1,200 tokens in four rows, half of them trained.
  private let batch = Batch(
    rows: (0..<4).map { row in
      TokenizedRow(
        tokens: (0..<300).map { Int32(($0 * 7 + row) % 300) },
        lossWeights: (0..<300).map { $0 % 2 == 0 ? 1 : 0 },
        location: RowLocation(file: "made", line: row + 1))
    })

  /// The bytes that two steps take at most besides what was there before.
  private func measured(
    _ model: any CausalLM, _ backend: CPUBackend, recomputes: Bool
  ) -> Int {
    var peak = 0
    for _ in 0..<2 {
      let before = backend.pool.peak(after: {
        let hidden = model.hidden(of: batch, dropoutSeed: 1, recomputesBlocks: recomputes)
        linearCrossEntropy(
          hidden, head: model.head, targets: LossTargets(batch), scale: 1
        ).loss.backward()
      })
      peak = max(peak, before)
      for parameter in model.parameters { parameter.parameter.value.clearGradient() }
      for slot in model.linearSlots {
        for parameter in slot.get().parameters { parameter.parameter.value.clearGradient() }
      }
    }
    return peak
  }

  private var shape: ActivationMemory.Batch {
    .init(tokens: batch.tokens.count, trained: batch.trainedTokens, longest: 300)
  }

  private func expectNear(
    _ predicted: Int, _ measured: Int, at location: SourceLocation = #_sourceLocation
  ) {
    let ratio = Double(predicted) / Double(measured)
    #expect(
      (0.88...1.12).contains(ratio), "predicted \(predicted), measured \(measured): \(ratio)",
      sourceLocation: location)
  }

  @Test(arguments: [ComputeType.f32, .bf16], [false, true])
  func anAdapterTakesWhatIsPredicted(compute: ComputeType, recomputes: Bool) throws {
    for (kvHeads, targets) in [(2, LoRAConfiguration.Targets.allLinear), (4, .names(["q_proj"]))] {
      let made = try Made(Self.config(kvHeads: kvHeads))
      let backend = CPUBackend(threads: 1, compute: compute)
      let model = try made.checkpoint.load(on: backend, trainable: false)
      let adapter = try LoRAAdapter.inject(
        LoRAConfiguration(rank: 8, alpha: 16, targets: targets), into: model.linearSlots, seed: 0)
      let parameters = adapter.parameters.reduce(0) { $0 + $1.parameter.count }
      let inEach = targets == .allLinear ? 7 : 1
      let predicted = ActivationMemory(
        made.checkpoint.configuration, batch: shape,
        adapted: .init(
          rank: 8, layers: Dictionary(uniqueKeysWithValues: (0..<4).map { ($0, inEach) })),
        compute: compute, recomputes: recomputes)
      expectNear(
        predicted.peak + 4 * parameters,
        measured(model, backend, recomputes: recomputes))
    }
  }

  /// Blocks before the first one with an adapter keep nothing.
  @Test func laterBlocksTakeLess() throws {
    let made = try Made(Self.config())
    let backend = CPUBackend(threads: 1)
    let model = try made.checkpoint.load(on: backend, trainable: false)
    _ = try LoRAAdapter.inject(
      LoRAConfiguration(rank: 8, alpha: 16, layers: [3]), into: model.linearSlots, seed: 0)
    let predicted = ActivationMemory(
      made.checkpoint.configuration, batch: shape, adapted: .init(rank: 8, layers: [3: 7]),
      compute: .f32, recomputes: false)
    expectNear(predicted.peak, measured(model, backend, recomputes: false))
  }

  @Test(arguments: [false, true], [false, true])
  func allWeightsTakeWhatIsPredicted(ties: Bool, recomputes: Bool) throws {
    let made = try Made(Self.config(kvHeads: 4, ties: ties))
    let backend = CPUBackend(threads: 1)
    let model = try made.checkpoint.load(on: backend, trainable: true)
    let plan = MemoryPlan(
      .init(
        configuration: made.checkpoint.configuration, weights: [], adapter: nil, batch: shape,
        compute: .f32, recomputes: recomputes, accumulates: false, process: 0,
        optimizer: .init()))
    let parts = ["gradients", "activations", "passing"]
    expectNear(
      plan.parts.reduce(0) { parts.contains($1.name) ? $0 + $1.bytes : $0 },
      measured(model, backend, recomputes: recomputes))
  }

  @Test(
    arguments: [
      (RandomCheckpoint.Format.safetensorsF32, false, nil), (.safetensorsBF16, false, nil),
      (.safetensorsBF16, true, nil), (.ggufQ4_0, false, nil), (.ggufQ8_0, false, nil),
      (.bitsandbytesNF4, false, nil), (.safetensorsBF16, false, WeightQuantization(kind: .nf4)),
      (.safetensorsBF16, false, WeightQuantization(kind: .int8)),
      (.ggufQ8_0, false, WeightQuantization(kind: .fp4, block: 128, isDouble: false)),
    ])
  func weightsTakeWhatIsPredicted(
    format: RandomCheckpoint.Format, trainable: Bool, quantization: WeightQuantization?
  ) throws {
    let made = try Made(Self.config(ties: false), format)
    let backend = CPUBackend(threads: 1)
    let model = try made.checkpoint.load(
      on: backend, trainable: trainable, quantization: quantization)
    backend.pool.forgetPeak()
    let parts = made.checkpoint.memory(trainable: trainable, quantization: quantization)
    #expect(parts.reduce(0) { $0 + $1.count } == model.weightCount)
    let predicted = Double(parts.reduce(0) { $0 + $1.bytes })
    #expect(abs(Double(backend.pool.peak.used) / predicted - 1) < 0.01)
    withExtendedLifetime(model) {}
  }
}

extension BufferPool {
  /// The bytes that a closure had in use at most besides those that were in use before.
  fileprivate func peak(after body: () -> Void) -> Int {
    forgetPeak()
    let before = peak.used
    body()
    return peak.used - before
  }
}
