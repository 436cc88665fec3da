import Foundation
import HalterAdapters
import HalterBackend
import HalterData
import HalterFormats
import HalterHub
import HalterModels
import HalterTokenizers
import HalterTraining

/// Where jobs find things: the cache of models and the folder that paths begin in.
public struct Workplace: Sendable {
  /// The cache of models.
  public let models: ModelStore
  /// The folder that relative paths begin in.
  public let folder: URL

  private let instructionSet: InstructionSet

  /// The workplace of a process with an environment, in its current folder. `HALTER_ISA` names the
  /// instruction set to compute with, instead of the best.
  /// - Throws: `HubError` if no place for the cache can be told from the environment,
  ///   `InstructionSetError` if it names no instruction set of this CPU.
  public init(environment: [String: String]) throws {
    models = try ModelStore(environment: environment)
    instructionSet = try InstructionSet(environment: environment)
    folder = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
  }

  /// The cache of tokenised rows, beside that of models.
  var datasets: TokenCacheStore {
    TokenCacheStore(directory: models.root.appendingPathComponent("datasets"))
  }

  /// The processor with as many threads as are wished for, one per core when nil. Results do not
  /// depend on the number; far more threads than cores would only wait for each other.
  func backend(threads: Int?, compute: TrainRecipe.Compute = .f32) -> CPUBackend {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let type: ComputeType =
      switch compute {
      case .auto: instructionSet.fastestCompute
      case .f32: .f32
      case .bf16: .bf16
      }
    return CPUBackend(
      threads: min(threads ?? cores, 4 * cores), instructionSet: instructionSet, compute: type)
  }

  /// A path as the user wrote it.
  public func url(_ path: String) -> URL { URL(fileURLWithPath: path, relativeTo: folder) }
}

/// A checkpoint opened with its tokenizer and its chat template, before the weights are loaded.
struct OpenModel {
  let checkpoint: Checkpoint
  let tokenizer: Tokenizer
  /// The template, or why there is none.
  let template: Result<ChatTemplate, TokenizerError>

  /// Opens a checkpoint.
  /// - Parameters:
  ///   - templateName: overrides the checkpoint's own template.
  ///   - adapter: the directory of an adapter whose template is used where none is named.
  init(_ url: URL, templateName: String?, adapter: URL? = nil) throws {
    checkpoint = try Checkpoint(url)
    let tokenizer = try checkpoint.tokenizer()
    self.tokenizer = tokenizer
    if let templateName {
      template = .success(try ChatTemplate.named(templateName, tokenizer: tokenizer))
      return
    }
    let travelled = adapter.flatMap {
      try? String(contentsOf: AdapterWeights.template(in: $0), encoding: .utf8)
    }
    template = Result { () throws(TokenizerError) in
      try ChatTemplate.detect(
        jinja: travelled ?? tokenizer.chatTemplateText, tokenizer: tokenizer)
    }
  }

  /// The ids at which generation ends.
  /// - Parameter chats: whether answers are generated, which end as the template says.
  func stops(chats: Bool = true) throws -> Set<Int32> {
    var stops = Set(checkpoint.endIDs + tokenizer.special.stops)
    if chats, case .success(let template) = template {
      stops.formUnion(try template.stopIDs(in: tokenizer))
    }
    return stops
  }
}

/// A model ready for use: weights on the device, adapter in place.
public final class ModelSession {
  /// The model.
  public let model: any CausalLM
  /// The way between text and tokens.
  public let tokenizer: Tokenizer
  /// The ids at which generation ends.
  public let stops: Set<Int32>
  let checkpoint: Checkpoint
  private let template: Result<ChatTemplate, TokenizerError>

  /// What a session is opened with.
  public struct Options: Sendable {
    /// A name that `halter model list` knows, a directory, or a `.gguf` file.
    public var model: String
    /// The directory of a PEFT adapter.
    public var adapter: String?
    /// A chat template by name, instead of the model's own.
    public var template: String?
    /// Threads to compute with; one per core when nil.
    public var threads: Int?
    /// What the model's matrices become while they are loaded.
    public var quantization: WeightQuantization?

    /// Options for a model.
    public init(
      model: String, adapter: String? = nil, template: String? = nil, threads: Int? = nil,
      quantization: WeightQuantization? = nil
    ) {
      self.model = model
      self.adapter = adapter
      self.template = template
      self.threads = threads
      self.quantization = quantization
    }
  }

  /// Opens and loads a model.
  /// - Throws: whatever keeps the files from being found, read or fitted together.
  public init(_ options: Options, in place: Workplace) throws {
    let url = try place.models.resolve(options.model, relativeTo: place.folder)
    let adapter = options.adapter.map { place.url($0) }
    if let adapter, !FileManager.default.fileExists(atPath: adapter.path) {
      throw FormatError(
        .notFound, "there is no such adapter",
        mend: "Give the directory of a PEFT adapter, such as a run's final/", path: adapter.path)
    }
    let open = try OpenModel(url, templateName: options.template, adapter: adapter)
    let backend = place.backend(threads: options.threads)
    checkpoint = open.checkpoint
    model = try open.checkpoint.load(
      on: backend, trainable: false, quantization: options.quantization)
    if let adapter { _ = try PEFTDirectory.load(adapter, into: model.linearSlots) }
    tokenizer = open.tokenizer
    template = open.template
    stops = try open.stops()
  }

  /// The way from conversations to tokens.
  /// - Throws: `TokenizerError` if no chat template is known.
  public func renderer() throws -> PromptRenderer {
    PromptRenderer(tokenizer: tokenizer, template: try template.get())
  }

  /// A generator with room for all of the model's context.
  public func generator() -> Generator {
    Generator(model, capacity: model.contextLength)
  }

  /// A generator with room for a prompt and its answer, in tokens, as far as the context reaches.
  public func generator(prompt: Int, answer: Int) -> Generator {
    Generator(model, capacity: prompt + min(answer, model.contextLength))
  }

  /// Tokens of a plain text, with what the checkpoint puts before every text.
  public func tokens(ofPlain text: String) -> [Int32] {
    tokenizer.encode(text, parseSpecial: false, addSpecial: true)
  }
}
