import Foundation
import HalterAdapters
import HalterBackend
import HalterFormats
import HalterModels
import HalterNN
import HalterTensor
import Testing

/// A PEFT adapter among the fixtures, on the tiny checkpoint `gqa_tied`.
struct LoRACase {
  static let names = ["plain", "rslora", "patterns", "regex", "layers", "dora", "dora_rslora"]

  let name: String
  let golden: Golden
  let batch: TinyLlamaTests.Batch

  init(_ name: String) throws {
    self.name = name
    golden = try Golden("lora/\(name)/expected.safetensors")
    batch = try TinyLlamaTests.Batch(golden)
  }

  var directory: URL { Golden.url("lora/\(name)") }

  /// What `cases.json` says about the case.
  func facts() throws -> (scalings: [String: Double], tensors: [String: [Int]]) {
    let facts = try #require(try Golden.json("lora/cases.json")[name] as? [String: Any])
    return (
      try #require(facts["scalings"] as? [String: Double]),
      try #require(facts["tensors"] as? [String: [Int]])
    )
  }

  /// A fresh copy of a tiny checkpoint.
  static func base(_ name: String = "gqa_tied") throws -> any CausalLM {
    try Checkpoint(Golden.url("tiny_llama/\(name)"))
      .load(on: CPUBackend(threads: 2), trainable: false)
  }

  /// The base with the case's adapter on it.
  func adapted() throws -> (model: any CausalLM, adapter: LoRAAdapter) {
    let model = try Self.base()
    return (model, try PEFTDirectory.load(directory, into: model.linearSlots))
  }

  func logits(_ model: any CausalLM) -> [Float] {
    model.logits(TinyLlamaTests.hidden(model, batch)).floats
  }

  func loss(_ model: any CausalLM, recompute: Bool = false) -> (loss: Tensor, logprobs: [Float]) {
    linearCrossEntropy(
      TinyLlamaTests.hidden(model, batch, recompute: recompute), head: model.head,
      targets: batch.targets, scale: 1 / batch.weights.reduce(0, +))
  }
}

/// An empty directory for the length of a closure.
func withScratch<T>(_ body: (URL) throws -> T) throws -> T {
  let url = FileManager.default.temporaryDirectory
    .appending(path: "halter-parity-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url)
}

/// All of a tensor of a checkpoint.
func values(of tensor: CheckpointTensor) -> [Float] {
  tensor.rows(0..<tensor.shape[0]).read(Float.self, count: tensor.shape.reduce(1, *))
}
