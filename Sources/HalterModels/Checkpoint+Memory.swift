import HalterBackend
import HalterFormats

/// Weights of one format, and what they take in memory.
public struct WeightMemory: Sendable, Equatable {
  /// The format in words, e.g. `q4_1`.
  public let format: String
  /// The number of weights.
  public internal(set) var count: Int
  /// What they take, in bytes.
  public internal(set) var bytes: Int

  /// Weights of a format.
  public init(format: String, count: Int, bytes: Int) {
    self.format = format
    self.count = count
    self.bytes = bytes
  }
}

extension Checkpoint {
  /// What the weights would take in memory if they were loaded, by format, the largest part first.
  /// - Parameters:
  ///   - trainable: whether training changes the weights themselves, which then are in f32.
  ///   - quantization: what the matrices of linear layers become.
  ///   - hasHead: as in `load`.
  public func memory(
    trainable: Bool, quantization: WeightQuantization? = nil, hasHead: Bool = true
  ) -> [WeightMemory] {
    var parts: [String: WeightMemory] = [:]
    for tensor in configuration.tensorShapes where hasHead || tensor.name != LlamaNames.head {
      let (format, bytes) = stored(tensor, trainable: trainable, quantization)
      parts[format, default: WeightMemory(format: format, count: 0, bytes: 0)].count += tensor.count
      parts[format]?.bytes += bytes
    }
    return parts.values.sorted { ($1.bytes, $0.format) < ($0.bytes, $1.format) }
  }

  private func stored(
    _ tensor: LlamaConfiguration.TensorShape, trainable: Bool, _ quantization: WeightQuantization?
  ) -> (format: String, bytes: Int) {
    let name = isGGUF ? LlamaNames.gguf(tensor.name) ?? tensor.name : tensor.name
    guard !trainable, tensor.shape.count == 2, let weights, let record = weights.record(named: name)
    else { return ("f32", 4 * tensor.count) }
    let packed = BitsAndBytesTensor.memory(of: name, in: weights)
    if let packed { return packed }
    if let quantization, tensor.isBlockMatrix {
      return (
        quantization.kind.rawValue,
        quantization.byteCount(rows: tensor.shape[0], columns: tensor.shape[1])
      )
    }
    return (record.type.rawValue, record.byteCount)
  }
}
