import Foundation
import HalterBackend
import HalterFormats
import HalterNN
import HalterTensor
import HalterTokenizers

extension HuggingFaceDirectory {
  /// Writes a reward model, with what adapters add merged in, into an existing directory, as a
  /// `LlamaForSequenceClassification` with one label.
  ///
  /// `transformers` reads the score at the last token that is not the pad token. The pad token that
  /// is written is therefore one that no scored text ends with, in the configuration and in the
  /// tokenizer's: where it was the end token, the score would be read a token too early.
  /// - Parameters:
  ///   - checkpoint: where the decoder came from.
  ///   - template: the chat template that the model was trained with.
  /// - Throws: `FormatError`, `ModelError` or `TokenizerError`.
  public static func write(
    _ model: RewardModel, from checkpoint: Checkpoint, tokenizer: Tokenizer,
    template: ChatTemplate?, to directory: URL
  ) throws {
    let (begin, ends) = ends(of: checkpoint, tokenizer)
    let stops = try template?.stopIDs(in: tokenizer) ?? []
    let pad = padding(of: tokenizer, apartFrom: ends + stops)
    var config = try checkpoint.configuration.huggingFaceConfig(
      dtype: "float32", bos: begin, eos: ends, pad: pad)
    config["architectures"] = ["LlamaForSequenceClassification"]
    config["id2label"] = ["0": "LABEL_0"]
    config["label2id"] = ["LABEL_0": 0]
    try write(config, to: directory.appending(path: "config.json"))
    try tokenizer.padding(with: pad).write(to: directory, chatTemplate: template?.jinja)
    let head = CheckpointTensor(name: RewardModel.headName, shape: [1, model.head.count]) { _ in
      model.head.value.storage
    }
    let tensors = model.backbone.checkpointTensors().filter { $0.name != LlamaNames.head }
    try writeWeights(tensors + [head], to: directory)
  }

  /// A token to pad with that ends no text: the tokenizer's own if it is one, or else the first of
  /// its special tokens that is; nil where there is none.
  private static func padding(of tokenizer: Tokenizer, apartFrom ends: [Int32]) -> Int32? {
    let ends = Set(ends + tokenizer.special.stops)
    let candidates =
      [tokenizer.special.pad, tokenizer.special.unknown].compactMap { $0 }
      + tokenizer.addedTokens.filter(\.isSpecial).map(\.id)
    return candidates.first { !ends.contains($0) }
  }
}
