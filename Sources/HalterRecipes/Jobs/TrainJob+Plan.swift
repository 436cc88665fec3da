import HalterData
import HalterModels
import HalterTraining

extension TrainJob {
  /// What the run is going to take of memory and time: the rows are read, and a few blocks of the
  /// model are trained for a moment to see how fast this machine is.
  /// - Parameters:
  ///   - available: bytes of memory to plan for; what is available here when nil.
  ///   - observer: told what is being done.
  public func plan(available: Int? = nil, observer: any RunObserver) throws -> RunPlan {
    let prepared = try prepare(observer) { false }
    let memory = try memory(prepared, available: available ?? SystemMemory.available)
    let layers = prepared.data.open.checkpoint.configuration.layers
    let rows = longestBatch(prepared).map { (number: $0, tokens: prepared.train.lengths[$0]) }
    try observer.observe(.stage("Measuring"))
    let speed = try SpeedProbe(
      rows: rows, layers: layers, optimizer: recipe.train.optimizer.adamW
    ) { try load(prepared, recomputes: memory.recomputes, blocks: $0) }
    let tokens = prepared.planner.shares(epoch: 0).reduce(0) { $0 + $1.tokens }
    let perStep = Double(tokens) / Double(max(1, prepared.planner.epoch(0).stepCount))
    let update = speed.optimizer * Double(memory.trainedCount)
    let step = perStep * speed.step.seconds(tokens: 1, layers: layers) + update
    let evaluations = prepared.validation == nil ? 0 : evaluationCount(prepared)
    let evaluated = prepared.validation?.lengths.reduce(0, +) ?? 0
    let evaluation =
      Double(evaluations) * speed.evaluation.seconds(tokens: evaluated, layers: layers)
    let fit: RunPlan.Fit =
      switch memory.check.verdict {
      case .fits: .fits
      case .tight: .tight
      case .tooLarge: .tooLarge
      }
    return RunPlan(
      model: prepared.data.modelName, method: recipe.method.rawValue, memory: memory.plan.parts,
      peakBytes: memory.plan.peakBytes, availableBytes: memory.check.available, fit: fit,
      advice: memory.advice, recompute: memory.recomputes ? "blocks" : "none",
      recomputeNote: memory.note, trainRows: prepared.train.count, tokensPerEpoch: tokens,
      longestBatchTokens: rows.reduce(0) { $0 + $1.tokens }, steps: prepared.steps,
      epochs: prepared.epochs, tokensPerStep: perStep, secondsPerStep: step,
      tokensPerSecond: perStep / step, evaluations: evaluations, evaluationSeconds: evaluation,
      seconds: Double(prepared.steps) * step + evaluation)
  }

  /// One before the first step, and one after the last.
  private func evaluationCount(_ prepared: Prepared) -> Int {
    let between =
      recipe.eval.every.map { (prepared.steps - 1) / $0 }
      ?? Int((prepared.epochs - 1e-9).rounded(.down))
    return 2 + max(0, between)
  }
}
