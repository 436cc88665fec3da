import Foundation
import HalterBackend
import HalterData
import HalterModels
import HalterTensor
import HalterTokenizers
import HalterTraining
import Testing

/// The real model of the tests: SmolLM2-135M-Instruct as a GGUF file, named by the environment.
enum RealModel {
  /// The GGUF file (`HALTER_TEST_MODEL`); suites that need it are skipped without.
  static let path = ProcessInfo.processInfo.environment["HALTER_TEST_MODEL"]
  /// The folder that holds `chat/alpaca_en_demo.json` (`HALTER_TEST_DATA`).
  static let data = ProcessInfo.processInfo.environment["HALTER_TEST_DATA"]

  private static let opened = Result {
    let checkpoint = try Checkpoint(URL(fileURLWithPath: try #require(path)))
    let tokenizer = try checkpoint.tokenizer()
    return (checkpoint: checkpoint, tokenizer: tokenizer)
  }

  static func tokenizer() throws -> Tokenizer { try opened.get().tokenizer }

  static func renderer() throws -> PromptRenderer {
    let tokenizer = try tokenizer()
    return PromptRenderer(
      tokenizer: tokenizer,
      template: try ChatTemplate.detect(
        jinja: tokenizer.chatTemplateText, tokenizer: tokenizer))
  }

  /// The weights, frozen, on all cores. Less than a second.
  static func load() throws -> any CausalLM {
    let threads = ProcessInfo.processInfo.activeProcessorCount
    return try opened.get().checkpoint.load(on: CPUBackend(threads: threads), trainable: false)
  }

  /// A row in which every token but the first is trained.
  static func row(_ tokens: [Int32]) -> TokenizedRow {
    TokenizedRow(
      tokens: tokens, lossWeights: tokens.map { _ in 1 }, location: RowLocation(file: "", line: 0))
  }

  /// log p of every token given those before it in its row; 0 for the first of a row.
  static func logprobs(_ model: any CausalLM, _ rows: [[Int32]]) -> [Float] {
    let batch = Batch(rows: rows.map(row))
    let targets = LossTargets(batch)
    let found = withoutGradients {
      linearCrossEntropy(
        model.hidden(of: batch, dropoutSeed: nil, recomputesBlocks: false), head: model.head,
        targets: targets, scale: 1
      ).logprobs
    }
    var all = [Float](repeating: 0, count: batch.tokens.count)
    for (row, value) in zip(targets.rows, found) { all[Int(row) + 1] = value }
    return all
  }
}

/// The largest difference of two arrays, element by element; infinite if one holds a NaN or is
/// shorter.
func largestDifference(_ left: [Float], _ right: [Float]) -> Float {
  guard left.count == right.count else { return .infinity }
  return zip(left, right).reduce(0) { worst, pair in
    let difference = abs(pair.0 - pair.1)
    return difference.isNaN ? .infinity : max(worst, difference)
  }
}
