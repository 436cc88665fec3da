import HalterBackend
import HalterData
import HalterModels
import HalterTensor

/// The cross-entropy of the tokens that carry loss: supervised fine-tuning, and pre-training, in
/// which all of them do.
public struct SFTMethod: Method {
  private let model: any CausalLM
  private let train: Dataset
  private let validation: Dataset?
  private let recomputesBlocks: Bool

  public let name: String

  /// Training of a model on datasets; `name` is the method as a recipe calls it.
  public init(
    _ name: String = "sft", model: any CausalLM, train: Dataset, validation: Dataset?,
    recomputesBlocks: Bool = false
  ) {
    self.name = name
    self.model = model
    self.train = train
    self.validation = validation
    self.recomputesBlocks = recomputesBlocks
  }

  public var trainLengths: [Int] { train.lengths }
  public var validationLengths: [Int] { validation?.lengths ?? [] }
  public var dataFingerprint: String { String(train.contentHash, radix: 16) }

  public func weight(of rows: [Int], in split: Split) throws -> Double {
    try self.rows(rows, in: split).reduce(0.0) { sum, row in
      row.lossWeights.reduce(sum) { $0 + Double($1) }
    }
  }

  public func loss(
    of rows: [Int], in split: Split, scale: Double, dropoutSeed: UInt64?
  ) throws -> BatchLoss {
    let batch = Batch(rows: try self.rows(rows, in: split))
    let targets = LossTargets(batch)
    let hidden = model.hidden(
      of: batch, dropoutSeed: dropoutSeed,
      recomputesBlocks: recomputesBlocks && gradientsAreRecorded)
    let (loss, logprobs) = linearCrossEntropy(
      hidden, head: model.head, targets: targets, scale: Float(scale))
    let sum = zip(logprobs, targets.weights).reduce(0.0) { $0 - Double($1.0) * Double($1.1) }
    return BatchLoss(
      loss: loss, sum: sum, tokens: batch.tokens.count, trainedTokens: targets.count)
  }

  private func rows(_ rows: [Int], in split: Split) throws -> [TokenizedRow] {
    let dataset =
      switch split {
      case .train: train
      case .validation: validation
      }
    guard let dataset else { return [] }
    return try rows.map { row in try dataset.row(row) }
  }
}

extension LossTargets {
  /// The targets of a flat batch: the hidden state before a token predicts it.
  public init(_ batch: Batch) {
    let trained = batch.lossWeights.indices.filter { batch.lossWeights[$0] != 0 }
    self.init(
      rows: trained.map { Int32($0 - 1) }, labels: trained.map { batch.tokens[$0] },
      weights: trained.map { batch.lossWeights[$0] })
  }
}

extension CausalLM {
  /// Final hidden states `[T, D]` of a flat batch.
  public func hidden(of batch: Batch, dropoutSeed: UInt64?, recomputesBlocks: Bool) -> Tensor {
    let context = context(
      positions: batch.positions, segments: batch.segments.map { Int($0) },
      dropoutSeed: dropoutSeed, cache: nil)
    let tokens = Tensor(batch.tokens, shape: [batch.tokens.count], on: backend)
    return hidden(tokens, context, recomputesBlocks: recomputesBlocks)
  }
}
