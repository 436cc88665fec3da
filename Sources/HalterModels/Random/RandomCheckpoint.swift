import Foundation
import HalterBackend
import HalterFormats
import HalterRandom
import HalterTokenizers

/// A checkpoint of a real geometry with random weights, as `transformers` initialises them: to
/// measure a model that is not at hand, or to train one of one's own. It is written piece by piece,
/// whatever its size, and follows from the geometry, the format and the seed alone.
public struct RandomCheckpoint {
  /// What is written.
  public enum Format: String, CaseIterable, Sendable {
    /// A GGUF file whose matrices are in blocks of a type.
    case ggufQ4_0 = "gguf-q4_0"
    case ggufQ4_1 = "gguf-q4_1"
    case ggufQ4_K = "gguf-q4_k"
    case ggufQ8_0 = "gguf-q8_0"
    /// A directory for transformers, of numbers as they are.
    case safetensorsF32 = "safetensors-f32"
    case safetensorsBF16 = "safetensors-bf16"
    /// A directory for transformers whose linear layers bitsandbytes has quantised.
    case bitsandbytesNF4 = "bnb-nf4"

    /// The format of the matrices, before bitsandbytes.
    var element: ElementFormat {
      switch self {
      case .ggufQ4_0: .q4_0
      case .ggufQ4_1: .q4_1
      case .ggufQ4_K: .q4_k
      case .ggufQ8_0: .q8_0
      case .safetensorsF32: .f32
      case .safetensorsBF16, .bitsandbytesNF4: .bf16
      }
    }

    /// Whether a file is written rather than a directory.
    public var isFile: Bool {
      switch self {
      case .ggufQ4_0, .ggufQ4_1, .ggufQ4_K, .ggufQ8_0: true
      case .safetensorsF32, .safetensorsBF16, .bitsandbytesNF4: false
      }
    }
  }

  /// The geometry.
  public let configuration: LlamaConfiguration
  /// What is written.
  public let format: Format
  let seed: UInt64
  let backend: CPUBackend
  let tokenizer: Tokenizer
  let vocabulary: GGUFVocabulary
  private let counter: Counter

  /// Weights that are written so far.
  private final class Counter {
    var weights = 0
    let report: (Int, Int) -> Void
    init(_ report: @escaping (Int, Int) -> Void) { self.report = report }
  }

  /// Numbers that are made at a time: 16 MiB as f32.
  static let strip = 1 << 22

  /// A checkpoint to write.
  /// - Parameters:
  ///   - path: where the geometry came from, to name it in errors.
  ///   - progress: told how many weights of how many are written.
  /// - Throws: `ModelError` if the format has no place for the geometry.
  public init(
    _ configuration: LlamaConfiguration, from path: String, format: Format, seed: UInt64,
    on backend: CPUBackend, progress: @escaping (Int, Int) -> Void = { _, _ in }
  ) throws {
    self.configuration = configuration
    self.format = format
    self.seed = seed
    self.backend = backend
    counter = Counter(progress)
    for tensor in configuration.tensorShapes where tensor.shape.count == 2 {
      guard tensor.shape[1] % format.element.blockSize == 0 else {
        throw ModelError(
          path: path,
          "\(tensor.name) has rows of \(tensor.shape[1]), no whole number of blocks of "
            + "\(format.element.blockSize)",
          mend: "Choose another format than \(format.rawValue)")
      }
    }
    var vocabulary = try MadeUpVocabulary.make(
      size: configuration.vocabularySize, context: configuration.contextLength, path: path)
    let plain = try Tokenizer(gguf: vocabulary)
    vocabulary.chatTemplate = try ChatTemplate.named("llama2", tokenizer: plain).jinja
    self.vocabulary = vocabulary
    tokenizer = try Tokenizer(gguf: vocabulary)
  }

  /// Writes the checkpoint.
  /// - Throws: `FormatError` if it cannot be written, or if something is there already; nothing is
  ///   left behind then.
  public func write(to url: URL) throws {
    if format.isFile {
      try writeGGUF(to: url)
    } else {
      try AtomicDirectory.write(to: url, overwrite: false) { try writeDirectory($0) }
    }
  }

  /// The f32 numbers of a part of a tensor: normal for a matrix, 1 for a norm, 0 for a bias.
  func fill(
    _ buffer: Buffer, _ tensor: LlamaConfiguration.TensorShape, from first: Int, count: Int
  ) {
    guard tensor.shape.count == 2 else {
      backend.fill(buffer, count: count, with: tensor.name.hasSuffix(".bias") ? 0 : 1)
      return
    }
    var stream = RandomStream(seed: seed, name: tensor.name)
    backend.fillNormal(
      buffer, count: count, deviation: Float(configuration.initializerRange), seed: stream.next(),
      first: first)
  }

  /// Calls `body` with a tensor's bytes in a format, a strip after the other.
  func strips(
    of tensor: LlamaConfiguration.TensorShape, as format: ElementFormat,
    _ body: (Buffer, _ byteCount: Int) throws -> Void
  ) rethrows {
    let numbers = backend.allocate(byteCount: min(tensor.count, Self.strip) * 4)
    let bytes = backend.allocate(byteCount: format.byteCount(of: min(tensor.count, Self.strip)))
    for first in stride(from: 0, to: tensor.count, by: Self.strip) {
      let count = min(Self.strip, tensor.count - first)
      fill(numbers, tensor, from: first, count: count)
      backend.encode(numbers, count: count, as: format, into: bytes)
      try body(bytes, format.byteCount(of: count))
    }
  }

  /// Counts a tensor as written.
  func count(_ tensor: LlamaConfiguration.TensorShape) {
    counter.weights += tensor.count
    counter.report(
      counter.weights, configuration.tensorShapes.reduce(0) { $0 + $1.count })
  }

  /// A tensor in a format, under a name.
  func source(
    _ tensor: LlamaConfiguration.TensorShape, as format: ElementFormat, named name: String
  ) throws -> TensorSource {
    guard let type = StorageType(rawValue: format.rawValue) else {
      throw ModelError(path: name, "\(format.rawValue) is no type of a file")
    }
    return TensorSource(name, type, shape: tensor.shape) { file in
      try strips(of: tensor, as: format) { bytes, byteCount in
        try file.write(bytes.read(UInt8.self, count: byteCount))
      }
      count(tensor)
    }
  }
}
