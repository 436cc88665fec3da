import Foundation
import HalterBackend
import HalterData
import HalterOptim
import HalterRandom
import HalterTensor

/// The numbers that steer the loop.
public struct TrainerConfiguration: Sendable, Equatable {
  /// The learning rate over the steps; its length is that of the run.
  public var schedule: Schedule
  /// The largest norm of the gradient; nil does not clip.
  public var clip: Double?
  /// Steps between evaluations; nil evaluates at the end of each epoch.
  public var evaluateEvery: Int?
  /// Steps between checkpoints; nil saves at each evaluation.
  public var saveEvery: Int?
  /// How many checkpoints stay, beside the best.
  public var keep: Int
  /// Seeds the order of rows and the dropout.
  public var seed: UInt64
  /// Whether an adapter or the method drops anything, so that a seed is needed.
  public var dropsOut: Bool
  /// The fingerprint of the recipe, for resuming.
  public var recipeFingerprint: String

  /// A configuration from its parts.
  public init(
    schedule: Schedule, clip: Double?, evaluateEvery: Int?, saveEvery: Int?, keep: Int,
    seed: UInt64, dropsOut: Bool, recipeFingerprint: String
  ) {
    self.schedule = schedule
    self.clip = clip
    self.evaluateEvery = evaluateEvery
    self.saveEvery = saveEvery
    self.keep = keep
    self.seed = seed
    self.dropsOut = dropsOut
    self.recipeFingerprint = recipeFingerprint
  }
}

/// The one training loop: accumulation, clipping, schedule, evaluation, samples, checkpoints and
/// resuming, for every method.
public final class Trainer {
  /// Skipped steps in a row after which a run is given up.
  public static let patience = 5

  private let method: any Method
  private let weights: any TrainedWeights
  private let optimizer: AdamW
  private let planner: BatchPlanner
  private let configuration: TrainerConfiguration
  private let store: CheckpointStore
  private let sample: () throws -> [SampleText]
  private let observers: [any RunObserver]
  private let shouldStop: () -> Bool
  private let clock = ContinuousClock()

  private var progress: CheckpointStore.Progress
  private var plan: EpochPlan
  private var stepInEpoch = 0
  private var stepsBeforeEpoch = 0
  private var savedStep: Int?
  private var skippedInRow = 0
  private var skipped = 0
  private var tokens = 0

  /// A loop that is ready to run.
  /// - Parameters:
  ///   - planner: which rows make a step.
  ///   - store: where checkpoints go.
  ///   - sample: answers the fixed prompts with the model as it is; steps are filled in here.
  ///   - shouldStop: asked after each step; true saves and ends the run.
  public init(
    method: any Method, weights: any TrainedWeights, optimizer: AdamW, planner: BatchPlanner,
    configuration: TrainerConfiguration, store: CheckpointStore,
    sample: @escaping () throws -> [SampleText], observers: [any RunObserver],
    shouldStop: @escaping () -> Bool
  ) {
    self.method = method
    self.weights = weights
    self.optimizer = optimizer
    self.planner = planner
    self.configuration = configuration
    self.store = store
    self.sample = sample
    self.observers = observers
    self.shouldStop = shouldStop
    progress = CheckpointStore.Progress(
      step: 0, recipeFingerprint: configuration.recipeFingerprint,
      dataFingerprint: method.dataFingerprint)
    plan = planner.epoch(0)
  }

  /// Puts a checkpoint's state back, so that `run` continues after it to the same bits.
  /// - Throws: `TrainingError` if the recipe or the data has changed since.
  public func resume(from url: URL) throws {
    let saved = try store.restore(url, weights, optimizer)
    guard saved.recipeFingerprint == configuration.recipeFingerprint else {
      throw TrainingError(
        .badCheckpoint, "\(url.path) was made with other settings than the recipe has now",
        mend: "Resume with the recipe in the run directory, or start a new run")
    }
    guard saved.dataFingerprint == method.dataFingerprint else {
      throw TrainingError(
        .badCheckpoint, "\(url.path) was trained on other rows than the data has now",
        mend: "Put the data back as it was, or start a new run from the adapter (adapter.init)")
    }
    progress = saved
    savedStep = saved.step
    guard let position = planner.position(ofStep: saved.step) else { return }
    plan = planner.epoch(position.epoch)
    stepInEpoch = position.step
    stepsBeforeEpoch = saved.step - position.step
  }

  /// The step that the run stands at.
  public var step: Int { progress.step }

  /// Runs to the end, or until it is asked to stop.
  /// - Throws: `TrainingError` if the run diverges, and whatever keeps a checkpoint or a metrics
  ///   line from being written.
  public func run() throws -> (
    ending: RunSummary.Ending, step: Int, seconds: Double, tokens: Int, skipped: Int,
    first: EvaluationMetrics?, last: EvaluationMetrics?, best: EvaluationMetrics?
  ) {
    let start = clock.now
    let ending: RunSummary.Ending
    do {
      ending = try loop()
    } catch let failure as ObserverFailure {
      if savedStep != progress.step { try store.save(weights, optimizer, progress) }
      throw failure.cause
    }
    return (
      ending, progress.step, (clock.now - start).seconds, tokens, skipped,
      progress.firstEvaluation, progress.lastEvaluation, progress.bestEvaluation
    )
  }

  private func loop() throws -> RunSummary.Ending {
    try look()
    while progress.step < configuration.schedule.totalSteps {
      if shouldStop() {
        if savedStep != progress.step { try save() }
        return .interrupted
      }
      try takeStep()
      try look()
      if isSaveDue { try save() }
    }
    if savedStep != progress.step { try save() }
    return .finished
  }

  /// Evaluates and answers the fixed prompts, where that is due and not done.
  private func look() throws {
    guard isEvaluationDue, progress.evaluatedStep != progress.step else { return }
    try evaluate()
    try answerSamples()
    progress.evaluatedStep = progress.step
  }

  private func takeStep() throws {
    let start = clock.now
    let micros = nextMicroBatches()
    let weight = try micros.reduce(0.0) { try $0 + method.weight(of: $1, in: .train) }
    let rate = configuration.schedule.learningRate(at: progress.step)
    var (sum, stepTokens, trained) = (0.0, 0, 0)
    var comparisons: [ScoredComparison] = []
    optimizer.clearGradients()
    for (index, rows) in micros.enumerated() {
      let batch = try method.loss(
        of: rows, in: .train, scale: 1 / max(weight, .leastNormalMagnitude),
        dropoutSeed: configuration.dropsOut ? seed(step: progress.step, micro: index) : nil)
      sum += batch.sum
      stepTokens += batch.tokens
      trained += batch.trainedTokens
      comparisons += batch.comparisons
      if batch.loss.requiresGradient && sum.isFinite { batch.loss.backward() }
    }
    let loss = weight > 0 ? sum / weight : 0
    let norm = globalGradientNorm(optimizer.targets)
    let isSound = loss.isFinite && norm.isFinite
    if isSound {
      optimizer.step(
        learningRate: Float(rate),
        gradientScale: clippingFactor(norm: norm, maximum: configuration.clip))
    }
    optimizer.clearGradients()
    progress.step += 1
    tokens += stepTokens
    try notify(
      .stepped(
        StepMetrics(
          step: progress.step, epoch: epoch, loss: loss, learningRate: rate, gradientNorm: norm,
          tokens: stepTokens, trainedTokens: trained, seconds: (clock.now - start).seconds,
          residentBytes: ProcessMemory.current.resident, skipped: !isSound,
          reward: RewardSummary(comparisons))))
    try count(isSound)
  }

  private func count(_ isSound: Bool) throws {
    if isSound {
      skippedInRow = 0
      return
    }
    skipped += 1
    skippedInRow += 1
    try notify(
      .warning("step \(progress.step) skipped: its loss or gradient is not finite"))
    guard skippedInRow >= Self.patience else { return }
    // The weights are still those of the last sound step.
    let url = try save()
    throw TrainingError(
      .diverged,
      "the loss or gradient of \(skippedInRow) steps in a row was not finite, the run was stopped",
      mend: "Lower train.learning_rate or train.clip; the weights before that are in \(url.path)")
  }

  /// The micro-batches of the step at hand; goes on to the next epoch where one ends.
  private func nextMicroBatches() -> [[Int]] {
    // An epoch may have no step at all where sources of small weights draw no row.
    while stepInEpoch == plan.stepCount {
      stepsBeforeEpoch += plan.stepCount
      plan = planner.epoch(plan.number + 1)
      stepInEpoch = 0
    }
    defer { stepInEpoch += 1 }
    return plan.step(stepInEpoch)
  }

  private var epoch: Double {
    Double(plan.number) + Double(stepInEpoch) / Double(max(1, plan.stepCount))
  }

  /// A seed for the dropout of a micro-batch that depends on nothing but the place in the run.
  private func seed(step: Int, micro: Int) -> UInt64 {
    var stream = RandomStream(seed: configuration.seed, name: "dropout/\(step)/\(micro)")
    return stream.next()
  }

  private var isLast: Bool { progress.step == configuration.schedule.totalSteps }

  private var isEvaluationDue: Bool {
    if isLast || progress.step == 0 { return true }
    guard let every = configuration.evaluateEvery else {
      // A resumed run stands at the start of the epoch that follows.
      return stepInEpoch == plan.stepCount || stepInEpoch == 0
    }
    return progress.step % every == 0
  }

  private var isSaveDue: Bool {
    // The best weights so far are always on disk, whatever the period.
    if isLast || progress.bestEvaluation?.step == progress.step { return true }
    guard let every = configuration.saveEvery else { return isEvaluationDue }
    return progress.step % every == 0
  }

  private func evaluate() throws {
    guard !method.validationLengths.isEmpty else { return }
    let start = clock.now
    let planner = BatchPlanner(
      lengths: method.validationLengths, budget: self.planner.budget, seed: 0)
    let batches = planner.inOrder()
    var (sum, weight, trained, done) = (0.0, 0.0, 0, 0)
    var comparisons: [ScoredComparison] = []
    for rows in batches {
      let batch = try withoutGradients {
        try method.loss(of: rows, in: .validation, scale: 1, dropoutSeed: nil)
      }
      sum += batch.sum
      weight += try method.weight(of: rows, in: .validation)
      trained += batch.trainedTokens
      comparisons += batch.comparisons
      done += rows.count
      try notify(.evaluating(done: done, of: method.validationLengths.count))
    }
    let metrics = EvaluationMetrics(
      step: progress.step, epoch: epoch, loss: sum / weight, trainedTokens: trained,
      seconds: (clock.now - start).seconds, preferences: PreferenceReport(comparisons))
    progress.lastEvaluation = metrics
    if progress.step == 0 { progress.firstEvaluation = metrics }
    if progress.step > 0, metrics.loss < progress.bestEvaluation?.loss ?? .infinity {
      progress.bestEvaluation = metrics
    }
    try notify(.evaluated(metrics))
  }

  private func answerSamples() throws {
    for var text in try withoutGradients({ try sample() }) {
      text.step = progress.step
      try notify(.sampled(text))
    }
  }

  @discardableResult
  private func save() throws -> URL {
    let url = try store.save(weights, optimizer, progress)
    savedStep = progress.step
    try store.prune(keeping: configuration.keep, best: progress.bestEvaluation?.step)
    try notify(.saved(url, step: progress.step))
    return url
  }

  private func notify(_ event: RunEvent) throws {
    for observer in observers {
      do {
        try observer.observe(event)
      } catch {
        throw ObserverFailure(cause: error)
      }
    }
  }

  /// An observer could not do its part: the run stops, but first it saves.
  private struct ObserverFailure: Error {
    let cause: any Error
  }
}

extension Duration {
  /// The duration in seconds.
  var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
