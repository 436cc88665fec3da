import Foundation
import HalterBackend
import HalterFormats
import HalterTokenizers

extension RandomCheckpoint {
  func writeDirectory(_ directory: URL) throws {
    try HuggingFaceDirectory.writeSettings(
      configuration, dtype: format == .safetensorsF32 ? "float32" : "bfloat16",
      quantization: format == .bitsandbytesNF4 ? Self.quantizationConfig : nil,
      bos: vocabulary.bos, eos: vocabulary.eos.map { [$0] } ?? [], pad: nil, to: directory)
    try tokenizer.write(to: directory)
    // A shard for each block, and one for what is around them.
    let parts = Dictionary(grouping: configuration.tensorShapes) { $0.block ?? -1 }
    let blocks = parts.keys.sorted()
    let count = configuration.tensorShapes.reduce(0) { $0 + $1.count }
    try HuggingFaceDirectory.writeShards(blocks.count, parameters: count, to: directory) { index in
      try (parts[blocks[index]] ?? []).flatMap { try sources(of: $0) }
    }
  }

  private static var quantizationConfig: [String: Any] {
    [
      "quant_method": "bitsandbytes", "load_in_4bit": true, "load_in_8bit": false,
      "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": true,
      "bnb_4bit_compute_dtype": "bfloat16", "bnb_4bit_quant_storage": "uint8",
    ]
  }

  private func sources(of tensor: LlamaConfiguration.TensorShape) throws -> [TensorSource] {
    guard format == .bitsandbytesNF4, tensor.isBlockMatrix else {
      return [try source(tensor, as: format.element, named: tensor.name)]
    }
    let stored = try quantized(tensor)
    count(tensor)
    guard let pieces = BitsAndBytesTensor.pieces(of: stored, named: tensor.name, dtype: "bfloat16")
    else { throw ModelError(path: tensor.name, "is not in 4 bits") }
    return pieces
  }

  /// The matrix in NF4, double quantised. It is rounded to bf16 first, as a published one is.
  private func quantized(_ tensor: LlamaConfiguration.TensorShape) throws -> StoredWeights {
    let rounded = backend.allocate(byteCount: tensor.count * 2)
    let numbers = backend.allocate(byteCount: min(tensor.count, Self.strip) * 4)
    for first in stride(from: 0, to: tensor.count, by: Self.strip) {
      let count = min(Self.strip, tensor.count - first)
      fill(numbers, tensor, from: first, count: count)
      backend.encode(
        numbers, count: count, as: .bf16,
        into: rounded.slice(byteOffset: first * 2, byteCount: count * 2))
    }
    let stored = backend.store(
      rounded, format: .bf16, rows: tensor.shape[0], columns: tensor.shape[1],
      quantization: WeightQuantization(kind: .nf4))
    guard let stored else {
      throw ModelError(path: tensor.name, "holds numbers that are not finite")
    }
    return stored
  }
}
