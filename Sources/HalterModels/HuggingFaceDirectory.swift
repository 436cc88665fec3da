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
    try writeSettings(
      checkpoint.configuration, dtype: "float32", bos: begin, eos: ends,
      pad: tokenizer.special.pad, to: directory)
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

  /// Writes `config.json` and `generation_config.json`.
  /// - Parameter quantization: the `quantization_config` of weights that are quantised.
  static func writeSettings(
    _ configuration: LlamaConfiguration, dtype: String, quantization: [String: Any]? = nil,
    bos: Int32?, eos: [Int32], pad: Int32?, to directory: URL
  ) throws {
    var config = try configuration.huggingFaceConfig(dtype: dtype, bos: bos, eos: eos, pad: pad)
    if let quantization { config["quantization_config"] = quantization }
    try write(config, to: directory.appending(path: "config.json"))
    var generation: [String: Any] = ["_from_model_config": false]
    if let bos { generation["bos_token_id"] = Int(bos) }
    if let pad { generation["pad_token_id"] = Int(pad) }
    if !eos.isEmpty { generation["eos_token_id"] = eos.map { Int($0) } }
    try write(generation, to: directory.appending(path: "generation_config.json"))
  }

  /// Writes the weights as `count` files, and their index if they are more than one. The tensors of
  /// a file are asked for when its turn comes.
  static func writeShards(
    _ count: Int, parameters: Int, to directory: URL, _ tensors: (Int) throws -> [TensorSource]
  ) throws {
    var map: [String: String] = [:]
    var bytes = 0
    for index in 0..<count {
      let name =
        count == 1
        ? "model.safetensors" : "model-\(padded(index + 1))-of-\(padded(count)).safetensors"
      let shard = try tensors(index)
      for tensor in shard {
        map[tensor.name] = name
        bytes += tensor.type.byteCount(shape: tensor.shape) ?? 0
      }
      try SafetensorsWriter.write(
        shard, metadata: ["format": "pt"], to: directory.appending(path: name))
    }
    guard count > 1 else { return }
    try write(
      [
        "metadata": ["total_parameters": parameters, "total_size": bytes], "weight_map": map,
      ],
      to: directory.appending(path: "model.safetensors.index.json"))
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
    let parameters = tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
    try writeShards(shards.count, parameters: parameters, to: directory) {
      shards[$0].map(source)
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
