import Foundation
import HalterAdapters
import HalterBackend
import HalterFormats
import HalterModels
import HalterNN
import HalterTensor
import HalterTokenizers

/// What a run trains, and how it lies on disk: an adapter, or all weights of a model.
public protocol TrainedWeights {
  /// The parameters that the optimiser changes, by their full names.
  var parameters: [NamedParameter] { get }
  /// What is trained, in words; nil when it is all weights.
  var summary: String? { get }
  /// Writes the weights into an existing directory, loadable by other tools.
  func write(to directory: URL) throws
  /// Puts weights back that `write` has written.
  /// - Throws: `FormatError` if they are damaged or of other shapes.
  func restore(from directory: URL) throws
}

/// A LoRA adapter as the thing a run trains, written in PEFT's layout.
public struct AdapterWeights: TrainedWeights {
  private let adapter: LoRAAdapter
  private let base: String
  private let template: ChatTemplate?

  /// An adapter on a base model, known to other tools by a name or path; the template that it is
  /// trained with, if any, travels with it.
  public init(_ adapter: LoRAAdapter, base: String, template: ChatTemplate?) {
    self.adapter = adapter
    self.base = base
    self.template = template
  }

  /// Where an adapter's chat template lies.
  public static func template(in directory: URL) -> URL {
    directory.appending(path: "chat_template.jinja")
  }

  public var parameters: [NamedParameter] { adapter.parameters }

  public var summary: String? {
    let c = adapter.configuration
    let alpha = c.alpha == c.alpha.rounded() ? "\(Int(c.alpha))" : "\(c.alpha)"
    return "\(c.family) r=\(c.rank) alpha=\(alpha) on "
      + "\(adapter.layers.count) layers"
  }

  public func write(to directory: URL) throws {
    try PEFTDirectory.write(adapter, base: base, to: directory)
    if let template { try AtomicWrite.write(template.jinja, to: Self.template(in: directory)) }
  }

  public func restore(from directory: URL) throws {
    let file = try SafetensorsFile(directory.appending(path: PEFTDirectory.weightsName))
    try assign(parameters, from: file) { PEFTDirectory.prefix + $0 }
  }
}

/// All weights of a model as the thing a run trains, written as a Hugging Face directory.
public struct ModelWeights: TrainedWeights {
  private let model: any CausalLM
  private let checkpoint: Checkpoint
  private let tokenizer: Tokenizer
  private let template: ChatTemplate?

  /// A model that is trained as a whole, the checkpoint it began from, its tokenizer and the
  /// template that it is trained with, if any.
  public init(
    _ model: any CausalLM, checkpoint: Checkpoint, tokenizer: Tokenizer, template: ChatTemplate?
  ) {
    self.model = model
    self.checkpoint = checkpoint
    self.tokenizer = tokenizer
    self.template = template
  }

  public var parameters: [NamedParameter] { model.parameters.filter(\.parameter.isTrainable) }
  public var summary: String? { nil }

  public func write(to directory: URL) throws {
    try HuggingFaceDirectory.write(
      model, from: checkpoint, tokenizer: tokenizer, jinja: template?.jinja, to: directory)
  }

  public func restore(from directory: URL) throws {
    try assign(parameters, from: SafetensorsDirectory(directory)) { $0 }
  }
}

/// Reads every value first, so that a damaged file changes nothing.
func assign(
  _ parameters: [NamedParameter], from file: some WeightFile, name: (String) -> String
) throws {
  let values = try parameters.map { parameter in
    let record = try file.require(name(parameter.name))
    let shape = parameter.parameter.value.shape.dimensions
    guard record.shape == shape else {
      throw FormatError(
        .mismatch, "has shape \(record.shape), this run trains \(shape)",
        mend: "Resume with the recipe that the run was started with", path: file.url.path,
        tensor: record.name)
    }
    return try file.floats(of: record)
  }
  for (parameter, values) in zip(parameters, values) { parameter.parameter.assign(values) }
}
