import Foundation
import HalterBackend
import HalterFormats
import HalterTokenizers

/// A model written as a directory that `transformers` loads as it is: configuration, generation
/// configuration, tokenizer files and safetensors shards.
public enum HuggingFaceDirectory {
  /// Bytes of tensors that one shard holds at most.
  static let shardBytes = 5 << 30

  /// Writes the model's weights, with what adapters add merged in, into an existing directory.
  /// - Parameters:
  ///   - checkpoint: where the model came from: its geometry and end tokens.
  ///   - template: the chat template that the model was trained with, written as jinja.
  ///   - jinja: that template's source.
  /// - Throws: `FormatError`, `ModelError` or `TokenizerError`.
  public static func write(
    _ model: any CausalLM, from checkpoint: Checkpoint, tokenizer: Tokenizer, jinja: String?,
    to directory: URL
  ) throws {
    let (begin, ends) = ends(of: checkpoint, tokenizer)
    let config = try checkpoint.configuration.huggingFaceConfig(
      dtype: "float32", bos: begin, eos: ends, pad: tokenizer.special.pad)
    try write(config, to: directory.appending(path: "config.json"))
    var generation: [String: Any] = ["_from_model_config": false]
    if let begin { generation["bos_token_id"] = Int(begin) }
    if let pad = tokenizer.special.pad { generation["pad_token_id"] = Int(pad) }
    if !ends.isEmpty { generation["eos_token_id"] = ends.map { Int($0) } }
    try write(generation, to: directory.appending(path: "generation_config.json"))
    try tokenizer.write(to: directory, chatTemplate: jinja)
    try writeWeights(model.checkpointTensors(), to: directory)
  }

  /// The ids that begin and end a text.
  static func ends(
    of checkpoint: Checkpoint, _ tokenizer: Tokenizer
  ) -> (begin: Int32?, ends: [Int32]) {
    (
      checkpoint.beginID ?? tokenizer.special.bos,
      checkpoint.endIDs.isEmpty ? tokenizer.special.stops : checkpoint.endIDs
    )
  }

  static func writeWeights(_ tensors: [CheckpointTensor], to directory: URL) throws {
    var shards: [[CheckpointTensor]] = [[]]
    var filled = 0
    for tensor in tensors {
      let bytes = 4 * tensor.shape.reduce(1, *)
      if filled > 0 && filled + bytes > shardBytes {
        shards.append([])
        filled = 0
      }
      shards[shards.count - 1].append(tensor)
      filled += bytes
    }
    var map: [String: String] = [:]
    for (index, shard) in shards.enumerated() {
      let name =
        shards.count == 1
        ? "model.safetensors"
        : "model-\(padded(index + 1))-of-\(padded(shards.count)).safetensors"
      for tensor in shard { map[tensor.name] = name }
      try SafetensorsWriter.write(
        shard.map(source), metadata: ["format": "pt"], to: directory.appending(path: name))
    }
    if shards.count > 1 {
      let count = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
      try write(
        [
          "metadata": ["total_parameters": count, "total_size": 4 * count],
          "weight_map": map,
        ], to: directory.appending(path: "model.safetensors.index.json"))
    }
  }

  /// A tensor whose rows are made a block at a time, so that the model is never in memory twice.
  private static func source(_ tensor: CheckpointTensor) -> TensorSource {
    TensorSource(tensor.name, .f32, shape: tensor.shape) { file in
      let rows = tensor.shape[0]
      let columns = tensor.shape.count == 1 ? 1 : tensor.shape[1]
      let block = max(1, (1 << 22) / columns)
      for start in stride(from: 0, to: rows, by: block) {
        let range = start..<min(rows, start + block)
        let values = tensor.rows(range).read(Float.self, count: range.count * columns)
        try file.write(numbers: values)
      }
    }
  }

  static func write(_ object: [String: Any], to url: URL) throws {
    let json = try JSONSerialization.data(
      withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    try AtomicWrite.write(json, to: url)
  }

  private static func padded(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }
}
