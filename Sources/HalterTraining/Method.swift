import HalterTensor

/// What a training method is to the loop: rows to draw batches from, and the loss of a batch. The
/// loop itself (accumulation, clipping, schedule, evaluation, saving, resuming) is written once.
public protocol Method {
  /// The name, as in a recipe.
  var name: String { get }
  /// The length of each training row, in tokens.
  var trainLengths: [Int] { get }
  /// The length of each validation row, in tokens; empty without a validation set.
  var validationLengths: [Int] { get }
  /// A fingerprint of the training rows, so that a run does not resume on other data.
  var dataFingerprint: String { get }

  /// The sum of the loss weights of some rows: what the loss of an optimiser step is divided by.
  /// - Throws: when the rows cannot be read.
  func weight(of rows: [Int], in split: Split) throws -> Double
  /// The loss of a micro-batch.
  /// - Parameters:
  ///   - scale: usually 1 / (the weight of the whole optimiser step).
  ///   - dropoutSeed: seeds the dropout; nil in evaluation.
  /// - Throws: when the rows cannot be read.
  func loss(
    of rows: [Int], in split: Split, scale: Double, dropoutSeed: UInt64?
  ) throws -> BatchLoss
}

/// One of the two sets of rows of a run.
public enum Split: Sendable {
  /// The rows that the model learns from.
  case train
  /// The rows that it is judged by.
  case validation
}

/// What a forward pass over a micro-batch gave.
public struct BatchLoss {
  /// The scaled loss, a scalar to differentiate.
  public let loss: Tensor
  /// The loss before scaling: Σ weight · token loss, in nats.
  public let sum: Double
  /// Tokens that went through the model.
  public let tokens: Int
  /// Those that carry loss.
  public let trainedTokens: Int
  /// The scores that were compared, where the method compares any.
  public let comparisons: [ScoredComparison]

  /// A loss from its parts.
  public init(
    loss: Tensor, sum: Double, tokens: Int, trainedTokens: Int,
    comparisons: [ScoredComparison] = []
  ) {
    self.loss = loss
    self.sum = sum
    self.tokens = tokens
    self.trainedTokens = trainedTokens
    self.comparisons = comparisons
  }
}
