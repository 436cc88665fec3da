import Foundation
import HalterBackend
import HalterFormats
import HalterNN
import HalterRandom
import HalterTensor

/// A decoder that gives a text a score: a linear head with one output on the hidden state of the
/// text's last token, in the place of the output projection (Stiennon et al. 2020; Touvron et al.
/// 2023, section 3.2.2). In `transformers` it is a `LlamaForSequenceClassification` with one label.
public final class RewardModel {
  /// The name of the head's weight, in checkpoints and adapters.
  public static let headName = "score.weight"

  /// The decoder. Its own head is there only if something needs it.
  public let backbone: any CausalLM
  /// The head, `[1, hiddenSize]`.
  public let head: Parameter

  /// A decoder with a head.
  /// - Parameters:
  ///   - head: the values of the head, `[hiddenSize]`.
  ///   - trainable: whether the head is trained.
  public init(_ backbone: any CausalLM, head: [Float], trainable: Bool) {
    self.backbone = backbone
    self.head = Parameter(
      Tensor(head, shape: [1, backbone.hiddenSize], on: backbone.backend), trainable: trainable)
  }

  /// A head to begin with: normal with the deviation 1 / size, so that all scores are near 0 and
  /// the loss near log 2 at first.
  public static func freshHead(size: Int, seed: UInt64) -> [Float] {
    var random = RandomStream(seed: seed, name: headName)
    return random.normal(count: size, deviation: 1 / Float(size))
  }

  /// The scores `[S]` of texts in a flat batch, read at their last tokens.
  ///
  /// What a token is has no part in it, only where its text ends: so no pad id can move the place
  /// that is read.
  /// - Parameters:
  ///   - hidden: final hidden states `[T, hiddenSize]`.
  ///   - segments: the starts of the texts, `[0, …, T]`; none is empty.
  public func scores(_ hidden: Tensor, segments: [Int32]) -> Tensor {
    let ends = segments.dropFirst().map { $0 - 1 }
    let rows = Tensor(ends, shape: [ends.count], on: hidden.backend)
    return hidden.gatherRows(rows).linear(head.value).reshaped(to: [ends.count])
  }
}

extension Checkpoint {
  /// Whether the checkpoint is a reward model: a head for scores lies beside its weights.
  public var isRewardModel: Bool { weights?.record(named: RewardModel.headName) != nil }

  /// The head of a reward model that lies beside the weights; nil where there is none.
  /// - Throws: `FormatError` when its shape is another or its values are not finite.
  public func scoreHead() throws -> [Float]? {
    guard let weights, let record = weights.record(named: RewardModel.headName) else { return nil }
    guard record.shape == [1, configuration.hiddenSize] else {
      throw FormatError(
        .mismatch, "has shape \(record.shape), expected [1, \(configuration.hiddenSize)]",
        mend: "A reward model has one label (num_labels 1)", path: weights.url.path,
        tensor: record.name)
    }
    let values = try weights.floats(of: record)
    guard values.allSatisfy(\.isFinite) else {
      throw FormatError(
        .malformed, "holds values that are not finite (NaN or infinity)",
        mend: "The checkpoint is damaged; fetch it again", path: weights.url.path,
        tensor: record.name)
    }
    return values
  }
}
