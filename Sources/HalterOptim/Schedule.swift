#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A learning rate over the steps of a run: a linear warm-up, then one of several shapes.
public struct Schedule: Sendable, Equatable {
  /// What follows the warm-up.
  public enum Shape: Sendable, Equatable {
    /// The peak throughout.
    case constant
    /// A straight line that would reach `floor` times the peak after the last step.
    case linear(floor: Double)
    /// Half a cosine that would reach `floor` times the peak after the last step.
    case cosine(floor: Double)
    /// Warm-up, stable, decay: the peak, then over the last `decay` share of the steps a straight
    /// line to `floor` times the peak.
    case wsd(decay: Double, floor: Double)
  }

  /// The highest rate.
  public let peak: Double
  /// What follows the warm-up.
  public let shape: Shape
  /// The steps of the warm-up.
  public let warmupSteps: Int
  /// The steps of the whole run.
  public let totalSteps: Int

  /// A schedule; the warm-up is at most the whole run.
  public init(peak: Double, shape: Shape, warmupSteps: Int, totalSteps: Int) {
    self.peak = peak
    self.shape = shape
    self.warmupSteps = min(max(0, warmupSteps), totalSteps)
    self.totalSteps = totalSteps
  }

  /// The rate of a step, counted from 0. During warm-up it is peak · step / warmupSteps, so the
  /// first step of a run with warm-up has rate 0, as in the schedulers of `transformers`.
  public func learningRate(at step: Int) -> Double {
    if step < warmupSteps { return peak * Double(step) / Double(warmupSteps) }
    let rest = max(1, totalSteps - warmupSteps)
    let progress = min(1, Double(step - warmupSteps) / Double(rest))
    switch shape {
    case .constant:
      return peak
    case .linear(let floor):
      return peak * (floor + (1 - floor) * (1 - progress))
    case .cosine(let floor):
      return peak * (floor + (1 - floor) * 0.5 * (1 + cos(.pi * progress)))
    case .wsd(let decay, let floor):
      let decaySteps = max(1, Int((decay * Double(totalSteps)).rounded()))
      let start = max(warmupSteps, totalSteps - decaySteps)
      if step < start { return peak }
      let share = min(1, Double(step - start) / Double(max(1, totalSteps - start)))
      return peak * (floor + (1 - floor) * (1 - share))
    }
  }
}
