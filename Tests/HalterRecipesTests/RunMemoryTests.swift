import HalterBackend
import HalterModels
import HalterTraining
import Testing

@testable import HalterRecipes

/// Whether a run fits, what `auto` decides, and what is advised.
@Suite struct RunMemoryTests {
  private let gib = 1 << 30

  /// Llama 2 7B with an adapter on all layers, in bf16, on 4,096 tokens.
  private func shape() throws -> MemoryPlan.Shape {
    let c = try #require(LlamaConfiguration(known: "llama-2-7b"))
    return MemoryPlan.Shape(
      configuration: c, weights: weights(c, bytes: 2),
      adapter: .init(
        sizes: [Int](repeating: 100_000, count: 448),
        layers: .init(rank: 16, layers: Dictionary(uniqueKeysWithValues: (0..<32).map { ($0, 7) }))),
      batch: .init(tokens: 4096, trained: 2048, longest: 1024), compute: .bf16, recomputes: false,
      accumulates: false, process: 100 << 20,
      optimizer: .init())
  }

  private func weights(_ c: LlamaConfiguration, bytes: Double) -> [WeightMemory] {
    let count = c.tensorShapes.reduce(0) { $0 + $1.count }
    return [WeightMemory(format: "made", count: count, bytes: Int(Double(count) * bytes))]
  }

  private func changes() throws -> [RunMemory.Change] {
    [
      .init(kind: "recompute", text: "train.recompute=blocks") {
        var smaller = $0
        smaller.recomputes = true
        return $0.recomputes ? nil : smaller
      },
      .init(kind: "quantize", text: "model.quantize=nf4") {
        var smaller = $0
        smaller.weights = self.weights($0.configuration, bytes: 0.52)
        return smaller
      },
    ]
  }

  private func memory(
    _ recompute: TrainRecipe.Recompute, available: Int
  ) throws -> RunMemory {
    RunMemory(try shape(), recompute: recompute, changes: try changes(), available: available)
  }

  @Test func autoRecomputesOnlyWhereItMust() throws {
    let plenty = try memory(.auto, available: 200 * gib)
    #expect(!plenty.recomputes && plenty.check.verdict == .fits && plenty.advice.isEmpty)
    #expect(try #require(plenty.note).contains("recompute: none"))
    let little = try memory(.auto, available: 24 * gib)
    #expect(little.recomputes && little.check.verdict == .fits)
    #expect(try #require(little.note).contains("recompute: blocks"))
    #expect(try memory(.none, available: 24 * gib).note == nil)
    #expect(try memory(.blocks, available: 200 * gib).recomputes)
  }

  @Test func theVerdictFollowsWhatIsAvailable() throws {
    let needed = try memory(.blocks, available: gib).check.needed
    #expect(try memory(.blocks, available: needed - 1).check.verdict == .tooLarge)
    #expect(try memory(.blocks, available: needed + needed / 20).check.verdict == .tight)
    #expect(try memory(.blocks, available: needed + needed / 5).check.verdict == .fits)
  }

  @Test func adviceIsWhatHelps() throws {
    let one = try memory(.none, available: 24 * gib)
    #expect(one.advice.map(\.change) == ["train.recompute=blocks", "model.quantize=nf4"])
    #expect(one.advice[0].peakBytes < one.plan.peakBytes)
    let text = one.check.error(one.advice).description
    #expect(text.contains("24.00 GiB are available"))
    #expect(text.contains("train.recompute=blocks") && text.contains("--ignore-memory"))
    let both = try memory(.none, available: 12 * gib)
    #expect(both.advice.map(\.change) == ["train.recompute=blocks model.quantize=nf4"])
    let nothing = try memory(.none, available: gib)
    #expect(nothing.advice.isEmpty)
    #expect(nothing.check.error([]).description.contains("smaller model"))
  }

  @Test func partsSumToThePeak() throws {
    let plan = try memory(.none, available: gib).plan
    #expect(plan.peakBytes == plan.parts.reduce(0) { $0 + $1.bytes })
    #expect(plan.neededBytes == plan.peakBytes - 100 << 20)
    #expect(
      plan.parts.map(\.name) == [
        "process", "weights", "adapter", "gradients", "optimizer", "activations", "passing",
        "scratch", "saving",
      ])
  }
}
