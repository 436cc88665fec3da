import Foundation
import HalterAdapters
import HalterBackend
import HalterData
import HalterFormats
import HalterHub
import HalterModels
import HalterTensor
import HalterTokenizers
import HalterTraining

/// A reward model ready for use: weights on the device, adapter and head in place.
public final class RewardSession {
  /// The model.
  public let model: RewardModel
  /// The way between text and tokens.
  public let tokenizer: Tokenizer
  let checkpoint: Checkpoint
  let template: ChatTemplate
  /// The way from a prompt with an answer to tokens.
  let renderer: PromptRenderer

  /// Tokens of a batch; where they stand side by side is of no account to the scores.
  static let batchTokens = 2048

  /// Opens and loads a reward model: a directory of sequence classification, or a base model with
  /// an adapter of that kind.
  /// - Throws: whatever keeps the files from being found, read or fitted together, and
  ///   `TrainingError` if there is no head.
  public init(_ options: ModelSession.Options, in place: Workplace) throws {
    let url = try place.models.resolve(options.model, relativeTo: place.folder)
    let adapter = options.adapter.map { place.url($0) }
    if let adapter, !FileManager.default.fileExists(atPath: adapter.path) {
      throw FormatError(
        .notFound, "there is no such adapter",
        mend: "Give the directory of a PEFT adapter, such as a run's final/", path: adapter.path)
    }
    let open = try OpenModel(url, templateName: options.template, adapter: adapter)
    template = try open.template.get()
    checkpoint = open.checkpoint
    tokenizer = open.tokenizer
    renderer = PromptRenderer(tokenizer: tokenizer, template: template)
    let backbone = try open.checkpoint.load(
      on: place.backend(threads: options.threads), trainable: false,
      quantization: options.quantization, hasHead: false)
    var head = try open.checkpoint.scoreHead()
    if let adapter {
      _ = try PEFTDirectory.load(
        adapter, into: backbone.linearSlots, head: RewardModel.headName)
      head =
        try PEFTDirectory.head(RewardModel.headName, size: backbone.hiddenSize, in: adapter)
        ?? head
    }
    guard let head else {
      throw TrainingError(
        .impossible,
        "\(adapter?.path ?? url.path) has no \(RewardModel.headName): it is no reward model",
        mend: "Train one with `method: reward`, or give its adapter with --adapter")
    }
    model = RewardModel(backbone, head: head, trainable: false)
  }

  /// The tokens of a conversation.
  /// - Throws: `DataError` naming the row when it cannot be rendered or is longer than the model's
  ///   context.
  func tokens(
    of messages: [Message], at location: RowLocation
  ) throws(DataError) -> TokenizedRow {
    let row = try renderer.row(Conversation(messages: messages, location: location))
    if row.tokens.count > model.backbone.contextLength {
      throw DataError(
        .tooLong, at: location,
        "the prompt and an answer have \(row.tokens.count) tokens, the model's context holds "
          + "\(model.backbone.contextLength); shorten them")
    }
    return row
  }

  /// The scores of texts, each read at its last token.
  func scores(of rows: [TokenizedRow]) -> [Double] {
    let planner = BatchPlanner(
      lengths: rows.map(\.tokens.count), budget: .tokens(Self.batchTokens), seed: 0)
    return planner.inOrder().flatMap { batch in
      let batch = Batch(rows: batch.map { rows[$0] })
      return withoutGradients {
        let hidden = model.backbone.hidden(of: batch, dropoutSeed: nil, recomputesBlocks: false)
        return model.scores(hidden, segments: batch.segments).floats.map(Double.init)
      }
    }
  }
}
