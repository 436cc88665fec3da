/// Where a run stands: smoothed numbers of the last steps, and what is left.
struct RunProgress {
  /// The last step that was taken.
  private(set) var step: Int
  private(set) var epoch = 0.0
  private(set) var learningRate = 0.0
  private(set) var gradientNorm = 0.0
  private(set) var skipped = 0
  /// Steps of this run in all.
  let total: Int
  private let firstStep: Int
  private var began: Double?
  private var now = 0.0
  private var recent: [StepMetrics] = []
  /// Over how many steps numbers are smoothed.
  static let window = 10

  init(total: Int, resumedFrom: Int?) {
    self.total = total
    firstStep = resumedFrom ?? 0
    step = firstStep
  }

  /// Takes note of a step that ended at `time`, in seconds of any clock.
  mutating func note(_ metrics: StepMetrics, at time: Double) {
    if began == nil { began = time - metrics.seconds }
    now = time
    step = metrics.step
    epoch = metrics.epoch
    learningRate = metrics.learningRate
    guard !metrics.skipped else {
      skipped += 1
      return
    }
    gradientNorm = metrics.gradientNorm
    recent.append(metrics)
    if recent.count > RunProgress.window { recent.removeFirst() }
  }

  /// The mean loss of the last steps; nil before the first.
  var loss: Double? {
    let losses = recent.map(\.loss).filter(\.isFinite)
    return losses.isEmpty ? nil : losses.reduce(0, +) / Double(losses.count)
  }

  /// Tokens per second over the last steps.
  var tokensPerSecond: Double {
    let seconds = recent.reduce(0) { $0 + $1.seconds }
    return seconds > 0 ? Double(recent.reduce(0) { $0 + $1.tokens }) / seconds : 0
  }

  /// Seconds to the last step at the pace so far, evaluations included; nil before the first.
  var secondsLeft: Double? {
    guard let began, step > firstStep else { return nil }
    return max(0, now - began) / Double(step - firstStep) * Double(max(0, total - step))
  }

  /// The share of all steps that is done, 0 to 1.
  var share: Double {
    total > 0 ? min(1, max(0, Double(step) / Double(total))) : 0
  }
}
