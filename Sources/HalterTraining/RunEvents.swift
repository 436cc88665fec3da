import Foundation
import HalterData

/// What a run is about to do: the header of the console and of the report.
public struct RunHeader: Sendable, Equatable, Codable {
  /// The name of the run, that of its directory.
  public var name: String
  /// The training method, e.g. `sft`.
  public var method: String
  /// The base model in words: name or path, architecture, format.
  public var model: String
  /// The adapter in words, e.g. `LoRA r=16 alpha=32 on 210 layers`; nil when all weights train.
  public var adapter: String?
  /// The device in words.
  public var device: String
  /// Weights of the base model.
  public var weightCount: Int
  /// Values that training changes.
  public var trainableCount: Int
  /// Rows of the training and the validation set that are used.
  public var trainRows: Int
  /// Rows of the validation set, 0 without one.
  public var validationRows: Int
  /// Tokens of one pass over the training set.
  public var tokensPerEpoch: Int
  /// Those of them that carry loss; 0 where answers are scored.
  public var trainedTokensPerEpoch: Int
  /// Answers of one pass over the training set that are scored, where the method does that.
  public var scoredAnswersPerEpoch: Int?
  /// How many training rows have which lengths in tokens, in words; empty where it is not known.
  public var lengths: String
  /// The layouts of the rows, each once.
  public var layouts: [String]
  /// What was cut from the rows or left out, and what is learnt of those that say more than one
  /// thing, in words, one line each; empty when there is nothing to say.
  public var notes: [String]
  /// Optimiser steps of the run.
  public var totalSteps: Int
  /// Passes over the training set.
  public var epochs: Double
  /// Steps done before, when the run is resumed.
  public var resumedFrom: Int?
  /// Where everything goes.
  public var directory: String

  /// A header from its parts.
  public init(
    name: String, method: String, model: String, adapter: String?, device: String,
    weightCount: Int, trainableCount: Int, trainRows: Int, validationRows: Int,
    tokensPerEpoch: Int, trainedTokensPerEpoch: Int, scoredAnswersPerEpoch: Int? = nil,
    lengths: String = "",
    layouts: [String] = [], notes: [String], totalSteps: Int,
    epochs: Double, resumedFrom: Int?, directory: String
  ) {
    self.name = name
    self.method = method
    self.model = model
    self.adapter = adapter
    self.device = device
    self.weightCount = weightCount
    self.trainableCount = trainableCount
    self.trainRows = trainRows
    self.validationRows = validationRows
    self.tokensPerEpoch = tokensPerEpoch
    self.trainedTokensPerEpoch = trainedTokensPerEpoch
    self.scoredAnswersPerEpoch = scoredAnswersPerEpoch
    self.lengths = lengths
    self.layouts = layouts
    self.notes = notes
    self.totalSteps = totalSteps
    self.epochs = epochs
    self.resumedFrom = resumedFrom
    self.directory = directory
  }
}

/// One optimiser step.
public struct StepMetrics: Sendable, Equatable {
  /// The number of the step, from 1.
  public var step: Int
  /// Passes over the training set so far.
  public var epoch: Double
  /// The mean loss of the step's trained tokens, in nats.
  public var loss: Double
  /// The learning rate of the step.
  public var learningRate: Double
  /// The norm of all gradients before clipping.
  public var gradientNorm: Double
  /// Tokens that went through the model.
  public var tokens: Int
  /// Those that carried loss.
  public var trainedTokens: Int
  /// How long the step took.
  public var seconds: Double
  /// The memory of the process, resident, in bytes.
  public var residentBytes: Int
  /// Whether the step was skipped because the loss or the gradient was not finite.
  public var skipped: Bool
  /// What the scores say, where the method scores answers.
  public var reward: RewardSummary?

  /// Tokens per second of the step.
  public var tokensPerSecond: Double { seconds > 0 ? Double(tokens) / seconds : 0 }

  /// Metrics of a step.
  public init(
    step: Int, epoch: Double, loss: Double, learningRate: Double, gradientNorm: Double,
    tokens: Int, trainedTokens: Int, seconds: Double, residentBytes: Int, skipped: Bool,
    reward: RewardSummary? = nil
  ) {
    self.step = step
    self.epoch = epoch
    self.loss = loss
    self.learningRate = learningRate
    self.gradientNorm = gradientNorm
    self.tokens = tokens
    self.trainedTokens = trainedTokens
    self.seconds = seconds
    self.residentBytes = residentBytes
    self.skipped = skipped
    self.reward = reward
  }
}

/// One evaluation on the validation set.
public struct EvaluationMetrics: Sendable, Equatable, Codable {
  /// Steps taken before it; 0 is before the first.
  public var step: Int
  /// Passes over the training set so far.
  public var epoch: Double
  /// The mean loss of the trained tokens, in nats.
  public var loss: Double
  /// The tokens that the mean is over.
  public var trainedTokens: Int
  /// How long it took.
  public var seconds: Double
  /// How well the scores agree with the preferences, where the method scores answers.
  public var preferences: PreferenceReport?

  /// Metrics of an evaluation.
  public init(
    step: Int, epoch: Double, loss: Double, trainedTokens: Int, seconds: Double,
    preferences: PreferenceReport? = nil
  ) {
    self.step = step
    self.epoch = epoch
    self.loss = loss
    self.trainedTokens = trainedTokens
    self.seconds = seconds
    self.preferences = preferences
  }
}

/// What the model answers to a fixed prompt at some point of a run, decoded greedily.
public struct SampleText: Sendable, Equatable, Codable {
  /// Steps taken before it.
  public var step: Int
  /// The prompt, as in the recipe.
  public var prompt: String
  /// The answer.
  public var text: String
  /// Whether the answer ended by itself, with a stop token.
  public var stopped: Bool

  /// An answer to a prompt.
  public init(step: Int, prompt: String, text: String, stopped: Bool) {
    self.step = step
    self.prompt = prompt
    self.text = text
    self.stopped = stopped
  }
}

/// How a run ended.
public struct RunSummary: Sendable, Equatable, Codable {
  /// Why the run ended.
  public enum Ending: String, Sendable, Equatable, Codable {
    /// All steps are done.
    case finished
    /// A signal asked to end; the state was saved after the step at hand.
    case interrupted
  }

  /// Why the run ended.
  public var ending: Ending
  /// The number of the last step.
  public var step: Int
  /// Wall-clock seconds of training, this time.
  public var seconds: Double
  /// Tokens that went through the model, this time.
  public var tokens: Int
  /// Skipped steps, this time.
  public var skippedSteps: Int
  /// The first evaluation, before any step, if there was one.
  public var firstEvaluation: EvaluationMetrics?
  /// The last evaluation, if there was one.
  public var lastEvaluation: EvaluationMetrics?
  /// The evaluation with the lowest loss, whose checkpoint is `best`.
  public var bestEvaluation: EvaluationMetrics?
  /// The largest memory of the process, resident, in bytes.
  public var peakResidentBytes: Int
  /// The run directory.
  public var directory: URL
  /// The finished adapter or model, nil if the run was interrupted.
  public var result: URL?

  /// A summary from its parts.
  public init(
    ending: Ending, step: Int, seconds: Double, tokens: Int, skippedSteps: Int,
    firstEvaluation: EvaluationMetrics?, lastEvaluation: EvaluationMetrics?,
    bestEvaluation: EvaluationMetrics?, peakResidentBytes: Int, directory: URL, result: URL?
  ) {
    self.ending = ending
    self.step = step
    self.seconds = seconds
    self.tokens = tokens
    self.skippedSteps = skippedSteps
    self.firstEvaluation = firstEvaluation
    self.lastEvaluation = lastEvaluation
    self.bestEvaluation = bestEvaluation
    self.peakResidentBytes = peakResidentBytes
    self.directory = directory
    self.result = result
  }
}

/// What happens in a run, as it happens.
public enum RunEvent: Sendable {
  /// A stage of preparation or of the run begins, e.g. `Loading smollm2-135m-instruct`.
  case stage(String)
  /// A pass over the files of a set goes on; the set is called as in the recipe.
  case preparing(String, PreparationProgress)
  /// Something that was done on the way and is worth a line.
  case note(String)
  /// Everything is loaded; the first evaluation or step follows.
  case started(RunHeader)
  /// A step was taken or skipped.
  case stepped(StepMetrics)
  /// Progress of the evaluation at hand, in rows.
  case evaluating(done: Int, of: Int)
  /// An evaluation is done.
  case evaluated(EvaluationMetrics)
  /// A fixed prompt was answered.
  case sampled(SampleText)
  /// A checkpoint is complete on disk.
  case saved(URL, step: Int)
  /// Something that the user should know and that does not end the run.
  case warning(String)
  /// The run has ended.
  case ended(RunSummary)
}

/// Something that watches a run: the console, the metrics file, a test.
public protocol RunObserver: AnyObject {
  /// Called for each event, in order, on the thread of the run.
  /// - Throws: if the observer cannot do its part (a full disk); the run then stops after saving.
  func observe(_ event: RunEvent) throws
}
