import Foundation
import HalterAdapters
import HalterFormats
import HalterModels
import HalterNN
import HalterTokenizers

/// An adapter and the head of a reward model as the thing a run trains, written in PEFT's layout
/// for sequence classification: both are in one file.
public struct RewardAdapterWeights: TrainedWeights {
  private let adapter: LoRAAdapter
  private let model: RewardModel
  private let base: String
  private let template: ChatTemplate?

  /// An adapter on the decoder of a reward model, which other tools know by a name or path; the
  /// template travels with it.
  public init(
    _ adapter: LoRAAdapter, _ model: RewardModel, base: String, template: ChatTemplate?
  ) {
    self.adapter = adapter
    self.model = model
    self.base = base
    self.template = template
  }

  private var head: NamedParameter { NamedParameter(RewardModel.headName, model.head) }

  public var parameters: [NamedParameter] { adapter.parameters + [head] }

  public var summary: String? {
    AdapterWeights(adapter, base: base, template: template).summary.map { $0 + " and the head" }
  }

  public func write(to directory: URL) throws {
    try PEFTDirectory.write(adapter, base: base, head: head, to: directory)
    if let template {
      try AtomicWrite.write(template.jinja, to: AdapterWeights.template(in: directory))
    }
  }

  public func restore(from directory: URL) throws {
    let file = try SafetensorsFile(directory.appending(path: PEFTDirectory.weightsName))
    try assign(parameters, from: file) { PEFTDirectory.prefix + $0 }
  }
}

/// All weights of a reward model as the thing a run trains, written as a directory that
/// `transformers` loads as a `LlamaForSequenceClassification`.
public struct RewardModelWeights: TrainedWeights {
  private let model: RewardModel
  private let checkpoint: Checkpoint
  private let tokenizer: Tokenizer
  private let template: ChatTemplate?

  /// A reward model that is trained as a whole, the checkpoint it began from, its tokenizer and its
  /// template.
  public init(
    _ model: RewardModel, checkpoint: Checkpoint, tokenizer: Tokenizer, template: ChatTemplate?
  ) {
    self.model = model
    self.checkpoint = checkpoint
    self.tokenizer = tokenizer
    self.template = template
  }

  public var parameters: [NamedParameter] {
    model.backbone.parameters.filter(\.parameter.isTrainable)
      + [NamedParameter(RewardModel.headName, model.head)]
  }

  public var summary: String? { nil }

  public func write(to directory: URL) throws {
    try HuggingFaceDirectory.write(
      model, from: checkpoint, tokenizer: tokenizer, template: template, to: directory)
  }

  public func restore(from directory: URL) throws {
    try assign(parameters, from: SafetensorsDirectory(directory)) { $0 }
  }
}
