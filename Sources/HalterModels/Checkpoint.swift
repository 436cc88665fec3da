import Foundation
import HalterBackend
import HalterFormats
import HalterNN
import HalterTokenizers

/// A model on disk: a Hugging Face directory or a GGUF file, opened but not yet loaded.
public struct Checkpoint: Sendable {
  /// The directory or file.
  public let url: URL
  /// The geometry.
  public let configuration: LlamaConfiguration
  /// The weights; nil for a directory that has none (a model to be trained from scratch).
  public let weights: (any WeightFile)?
  /// The ids at which generation stops, by the checkpoint's own account.
  public let endIDs: [Int32]
  /// The id that begins a text, by the checkpoint's own account.
  public let beginID: Int32?
  /// Whether the source is a GGUF file.
  public var isGGUF: Bool { weights is GGUFFile }

  /// Opens a checkpoint and reads its geometry.
  /// - Throws: `ModelError` or `FormatError` naming the file and the fault.
  public init(_ url: URL) throws {
    self.url = url
    // Links are followed: a run's checkpoints/best is one.
    let place = url.resolvingSymlinksInPath()
    guard let kind = try? place.resourceValues(forKeys: [.isDirectoryKey]) else {
      throw FormatError(.notFound, "does not exist", path: url.path)
    }
    if kind.isDirectory == true {
      let config = try ConfigFile(url.appending(path: "config.json"))
      configuration = try LlamaConfiguration(config: config)
      let hasWeights = ["model.safetensors", "model.safetensors.index.json"].contains {
        FileManager.default.fileExists(atPath: url.appending(path: $0).path)
      }
      weights = hasWeights ? try SafetensorsDirectory(url) : nil
      let generation = url.appending(path: "generation_config.json")
      var ends = try config.integers("eos_token_id")
      if FileManager.default.fileExists(atPath: generation.path) {
        ends += try ConfigFile(generation).integers("eos_token_id")
      }
      endIDs = Set(ends).sorted().compactMap { Int32(exactly: $0) }
      beginID = try config.integer("bos_token_id").flatMap { Int32(exactly: $0) }
    } else {
      let file = try GGUFFile(url)
      configuration = try LlamaConfiguration(gguf: file)
      weights = file
      let keys = ["eos_token_id", "eot_token_id"].map { "tokenizer.ggml." + $0 }
      endIDs = try keys.filter { file.metadata[$0] != nil }
        .compactMap { Int32(exactly: try file.metadata.integer($0)) }
      let begin = "tokenizer.ggml.bos_token_id"
      beginID =
        file.metadata[begin] == nil ? nil : Int32(exactly: try file.metadata.integer(begin))
    }
  }

  /// Reads the tokenizer.
  /// - Throws: `TokenizerError`, `FormatError`, or `ModelError` if the tokenizer has ids that the
  ///   embedding has no row for.
  public func tokenizer() throws -> Tokenizer {
    let tokenizer: Tokenizer
    if let file = weights as? GGUFFile {
      tokenizer = try Tokenizer(gguf: Self.vocabulary(file.metadata))
    } else {
      tokenizer = try Tokenizer.load(directory: url)
    }
    guard tokenizer.vocabularySize <= configuration.vocabularySize else {
      throw ModelError(
        path: url.path,
        "the tokenizer has \(tokenizer.vocabularySize) ids, the model's embedding only "
          + "\(configuration.vocabularySize) rows",
        mend: "The tokenizer belongs to another model")
    }
    return tokenizer
  }

  /// Loads the weights onto a device, one tensor at a time.
  /// - Parameters:
  ///   - trainable: whether training changes the weights themselves.
  ///   - quantization: what the matrices of linear layers become, if they are frozen; nil keeps
  ///     them in the format of the file.
  ///   - blocks: how many blocks the model has of those of the checkpoint; all when nil.
  ///   - hasHead: whether the model is to predict tokens; a reward model has no head for that.
  /// - Throws: `FormatError` naming the tensor that is missing, damaged or of the wrong shape.
  public func load(
    on backend: any Backend, trainable: Bool, quantization: WeightQuantization? = nil,
    blocks: Int? = nil, hasHead: Bool = true
  ) throws -> any CausalLM {
    guard let weights else {
      throw ModelError(
        path: url.path, "holds no weights (model.safetensors)",
        mend: "Train it from scratch with `model: {base: …, init: random}`, or add the weights")
    }
    if hasHead, isRewardModel {
      throw ModelError(
        path: url.path, "is a reward model, which predicts no tokens",
        mend: "Use it with `halter score`, or train it on with `method: reward`")
    }
    let source = FileWeights(
      file: weights, configuration: configuration, isGGUF: isGGUF, trainable: trainable,
      quantization: quantization, backend: backend)
    return try LlamaModel(
      configuration.holding(blocks), weights: source, hasHead: hasHead, on: backend)
  }

  /// A trainable model of this geometry with random weights.
  /// - Parameters:
  ///   - blocks: as in `load`.
  ///   - hasHead: as in `load`.
  public func random(
    seed: UInt64, on backend: any Backend, blocks: Int? = nil, hasHead: Bool = true
  ) throws -> any CausalLM {
    let source = RandomWeights(
      deviation: Float(configuration.initializerRange), seed: seed, backend: backend)
    return try LlamaModel(
      configuration.holding(blocks), weights: source, hasHead: hasHead, on: backend)
  }

  private static func vocabulary(_ metadata: GGUFMetadata) throws -> GGUFVocabulary {
    func key(_ name: String) -> String { "tokenizer.ggml." + name }
    func has(_ name: String) -> Bool { metadata[key(name)] != nil }
    func id(_ name: String) throws -> Int32? {
      has(name) ? Int32(exactly: try metadata.integer(key(name))) : nil
    }
    func bool(_ name: String) throws -> Bool? { has(name) ? try metadata.bool(key(name)) : nil }
    var vocabulary = GGUFVocabulary(
      model: try metadata.string(key("model")),
      pre: has("pre") ? try metadata.string(key("pre")) : nil,
      tokens: try metadata.strings(key("tokens")))
    if has("token_type") {
      vocabulary.types = try metadata.integers(key("token_type")).map { Int32(clamping: $0) }
    }
    if has("scores") { vocabulary.scores = try metadata.floats(key("scores")) }
    if has("merges") { vocabulary.merges = try metadata.strings(key("merges")) }
    vocabulary.bos = try id("bos_token_id")
    vocabulary.eos = try id("eos_token_id")
    vocabulary.unknown = try id("unknown_token_id")
    vocabulary.pad = try id("padding_token_id")
    vocabulary.turnEnds = try ["eot_token_id", "eom_token_id"].compactMap { try id($0) }
    vocabulary.addBOS = try bool("add_bos_token")
    vocabulary.addEOS = try bool("add_eos_token")
    vocabulary.addSpacePrefix = try bool("add_space_prefix")
    if metadata["tokenizer.chat_template"] != nil {
      vocabulary.chatTemplate = try metadata.string("tokenizer.chat_template")
    }
    vocabulary.contextLength = try metadata.integer("llama.context_length")
    return vocabulary
  }
}
