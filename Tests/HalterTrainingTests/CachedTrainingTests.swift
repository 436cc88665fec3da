import Foundation
import HalterData
import HalterNN
import HalterTensor
import HalterTraining
import Testing

/// Where the rows are makes no difference to what is learnt.
@Suite struct CachedTrainingTests {
  private struct Outcome: Equatable {
    var losses: [Double]
    var norms: [Double]
    var validation: [Double]
    var values: [String: [Float]]
  }

  private func outcome(of tiny: TinyLlama, in folder: URL) throws -> Outcome {
    let recorder = Recorder()
    _ = try tiny.trainer(tiny.weights, in: folder, steps: 6, observer: recorder).trainer.run()
    return Outcome(
      losses: recorder.steps.map(\.loss), norms: recorder.steps.map(\.gradientNorm),
      validation: recorder.evaluations.map(\.loss),
      values: Dictionary(
        uniqueKeysWithValues: tiny.weights.parameters.map { ($0.name, $0.parameter.value.floats) }))
  }

  @Test func theCacheGivesTheSameBitsAsMemory() throws {
    try withFolder { folder throws in
      let lines = TinyLlama.questions.map { question, answer in
        #"{"prompt": "\#(question)", "completion": "\#(answer)"}"#
      }
      let url = folder.appending(path: "rows.jsonl")
      try Data(lines.joined(separator: "\n").utf8).write(to: url)
      let source = DataSource(path: url.path, name: "rows.jsonl", limit: 8)

      let memory = try TinyLlama()
      let expected = try outcome(of: memory, in: folder.appending(path: "memory"))
      for round in 1...2 {
        var cached = try TinyLlama()
        let encoder = ExampleEncoder(
          renderer: PromptRenderer(tokenizer: cached.tokenizer, template: cached.template))
        cached.train = try Dataset.open(
          [source], encoder: encoder,
          cachedIn: TokenCacheStore(directory: folder.appending(path: "datasets")),
          subject: "test", threads: 2, report: { _ in }
        ).dataset
        #expect(cached.train.contentHash == memory.train.contentHash)
        let found = try outcome(of: cached, in: folder.appending(path: "cached-\(round)"))
        #expect(found == expected)
        #expect(found.losses.count == 6)
      }
    }
  }
}
