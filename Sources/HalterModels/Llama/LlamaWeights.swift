import Foundation
import HalterBackend
import HalterFormats
import HalterNN
import HalterRandom
import HalterTensor

/// The names of the tensors of a Llama checkpoint on the Hugging Face Hub.
enum LlamaNames {
  static let embedding = "model.embed_tokens.weight"
  static let norm = "model.norm.weight"
  static let head = "lm_head.weight"

  /// The prefix of a block's names.
  static func layer(_ index: Int) -> String { "model.layers.\(index)." }

  private static let ggufParts = [
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
  ]

  /// The name that a GGUF file has for a tensor, nil for a name that Llama does not have.
  static func gguf(_ name: String) -> String? {
    switch name {
    case embedding: return "token_embd.weight"
    case norm: return "output_norm.weight"
    case head: return "output.weight"
    default:
      let parts = name.split(separator: ".")
      guard parts.count >= 5, let kind = parts.last else { return nil }
      guard let part = ggufParts[parts[3..<parts.count - 1].joined(separator: ".")] else {
        return nil
      }
      return "blk.\(parts[2]).\(part).\(kind)"
    }
  }
}

/// Where the weights of a Llama model come from, by their Hugging Face names.
protocol LlamaWeightSource {
  /// A matrix of the given size.
  func matrix(_ name: String, rows: Int, columns: Int) throws -> Weight
  /// A vector of the given size.
  func vector(_ name: String, count: Int) throws -> Parameter
}

/// Random weights for training from scratch: normal with a deviation, norms 1, biases 0, as
/// `transformers` initialises Llama.
struct RandomWeights: LlamaWeightSource {
  let deviation: Float
  let seed: UInt64
  let backend: any Backend

  func matrix(_ name: String, rows: Int, columns: Int) -> Weight {
    var random = RandomStream(seed: seed, name: name)
    let values = random.normal(count: rows * columns, deviation: deviation)
    return .trainable(
      Parameter(Tensor(values, shape: [rows, columns], on: backend), trainable: true))
  }

  func vector(_ name: String, count: Int) -> Parameter {
    let value: Float = name.hasSuffix(".bias") ? 0 : 1
    return Parameter(Tensor(filled: value, shape: [count], on: backend), trainable: true)
  }
}

/// The weights of a checkpoint file, one tensor at a time: matrices that training never changes in
/// the format that they are stored in, or quantised; everything else decoded to f32.
struct FileWeights: LlamaWeightSource {
  let file: any WeightFile
  let configuration: LlamaConfiguration
  /// Whether names and row order are those of GGUF.
  let isGGUF: Bool
  let trainable: Bool
  /// What frozen matrices of linear layers become; embeddings and the head stay as they are.
  let quantization: WeightQuantization?
  let backend: any Backend

  func matrix(_ name: String, rows: Int, columns: Int) throws -> Weight {
    if trainable {
      return .trainable(Parameter(try decode(name, shape: [rows, columns]), trainable: true))
    }
    if let packed = try packed(name, rows, columns) {
      guard quantization == nil else {
        throw ModelError(
          path: file.url.path, "is quantised already, in \(packed.format)",
          mend: "Delete model.quantize: the weights are used as they are")
      }
      return .frozen(StoredMatrix(try packed.stored(on: backend), backend: backend))
    }
    let (record, format) = try find(name, shape: [rows, columns])
    let isInBlock = name != LlamaNames.embedding && name != LlamaNames.head
    let stored = file.withSpan(of: record) { span in
      backend.store(
        span, format: format, rows: rows, columns: columns, rowOrder: rowOrder(name, rows),
        quantization: isInBlock ? quantization : nil)
    }
    file.release(record)
    guard let stored else { throw notFinite(record) }
    return .frozen(StoredMatrix(stored, backend: backend))
  }

  func vector(_ name: String, count: Int) throws -> Parameter {
    Parameter(try decode(name, shape: [count]), trainable: trainable)
  }

  /// The record of a tensor and its format, checked against the configuration.
  private func find(
    _ name: String, shape: [Int]
  ) throws -> (record: TensorRecord, format: ElementFormat) {
    let stored = isGGUF ? LlamaNames.gguf(name) ?? name : name
    let record = try file.require(stored)
    guard record.shape == shape else {
      throw FormatError(
        .mismatch, "has shape \(record.shape), the configuration says \(shape)",
        mend: "The weights and the configuration belong to different models",
        path: file.url.path, tensor: stored)
    }
    guard let format = ElementFormat(rawValue: record.type.rawValue) else {
      let known = ElementFormat.allCases.filter { !$0.hasSeparateScales }.map(\.rawValue)
      throw FormatError(
        .unsupported, "is stored as \(record.type.rawValue), which cannot be decoded yet",
        mend: "Use a checkpoint in one of: \(known.joined(separator: ", "))", path: file.url.path,
        tensor: stored)
    }
    let columns = shape.last ?? 1
    guard columns % format.blockSize == 0 else {
      throw FormatError(
        .malformed, "has rows of \(columns), no whole number of blocks of \(format.blockSize)",
        path: file.url.path, tensor: stored)
    }
    return (record, format)
  }

  /// What bitsandbytes has made of a matrix; nil for one that is as it was.
  private func packed(
    _ name: String, _ rows: Int, _ columns: Int
  ) throws -> BitsAndBytesTensor? {
    try BitsAndBytesTensor(named: name, rows: rows, columns: columns, in: file)
  }

  private func decode(_ name: String, shape: [Int]) throws -> Tensor {
    if shape.count == 2, let packed = try packed(name, shape[0], shape[1]) {
      let values = Tensor(uninitialized: Shape(shape), on: backend)
      let stored = try packed.stored(on: backend)
      backend.decodeRows(0..<shape[0], of: stored, into: values.storage)
      return values
    }
    let (record, format) = try find(name, shape: shape)
    let (rows, columns) = shape.count == 1 ? (1, shape[0]) : (shape[0], shape[1])
    let values = Tensor(uninitialized: Shape(shape), on: backend)
    file.withSpan(of: record) { span in
      if rows == 1 {
        // A bias of q or k is permuted like the rows of its weight.
        backend.decode(
          span, format: format, rows: rowOrder(name, columns)?.count ?? 1,
          columns: rowOrder(name, columns) == nil ? columns : 1,
          rowOrder: rowOrder(name, columns), into: values.storage)
      } else {
        backend.decode(
          span, format: format, rows: rows, columns: columns, rowOrder: rowOrder(name, rows),
          into: values.storage)
      }
    }
    file.release(record)
    guard values.sumOfSquares.isFinite else { throw notFinite(record) }
    return values
  }

  private func notFinite(_ record: TensorRecord) -> FormatError {
    FormatError(
      .malformed, "holds values that are not finite (NaN or infinity)",
      mend: "The checkpoint is damaged; fetch it again", path: file.url.path, tensor: record.name)
  }

  /// GGUF keeps the two rotated halves of a q or k head interleaved: row 2j + p of a head there is
  /// row p · headDim/2 + j here.
  private func rowOrder(_ name: String, _ rows: Int) -> [Int]? {
    let isRotated = name.contains(".q_proj.") || name.contains(".k_proj.")
    guard isGGUF, isRotated else { return nil }
    let (d, half) = (configuration.headDim, configuration.headDim / 2)
    return (0..<rows).map { row in
      let (head, index) = (row / d, row % d)
      return head * d + 2 * (index % half) + index / half
    }
  }
}
