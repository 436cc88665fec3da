import Foundation

/// The range of an axis and the round numbers on it.
struct ChartAxis: Equatable {
  let low: Double
  let high: Double
  let ticks: [Double]
  /// The words at the ticks; nil for numbers.
  private let words: [String]?

  /// An axis that holds `values` (those that are finite), widened to round numbers.
  init(holding values: [Double], startsAtZero: Bool = false, tickCount: Int = 5) {
    let finite = values.filter(\.isFinite)
    var low = finite.min() ?? 0
    var high = finite.max() ?? 1
    if startsAtZero { (low, high) = (min(0, low), max(0, high)) }
    if high - low < 1e-12 * max(1e-6, high.magnitude) {
      let margin = high == 0 ? 1 : high.magnitude * 0.1
      (low, high) = (startsAtZero && high >= 0 ? 0 : low - margin, high + margin)
    }
    let step = ChartAxis.roundStep((high - low) / Double(max(1, tickCount)))
    let first = (low / step + 1e-9).rounded(.down)
    let last = (high / step - 1e-9).rounded(.up)
    self.low = first * step
    self.high = last * step
    ticks = stride(from: first, through: last, by: 1).map { $0 * step }
    words = nil
  }

  /// An axis of steps from one to another, with ticks at whole numbers inside it.
  init(steps: ClosedRange<Int>, tickCount: Int = 8) {
    let span = max(1, steps.upperBound - steps.lowerBound)
    let step = max(1, ChartAxis.roundStep(Double(span) / Double(max(1, tickCount))).rounded())
    low = Double(steps.lowerBound)
    high = Double(steps.lowerBound + span)
    let first = (low / step).rounded(.up) * step
    ticks = Array(stride(from: first, through: high, by: step))
    words = nil
  }

  /// An axis of words side by side, the first at 0.
  init(categories: [String]) {
    low = -0.5
    high = max(0.5, Double(categories.count) - 0.5)
    ticks = categories.indices.map { Double($0) }
    words = categories.map { $0.count > 24 ? $0.prefix(23) + "…" : $0 }
  }

  /// The smallest of 1, 2, 5 times a power of ten that is not below `raw`.
  static func roundStep(_ raw: Double) -> Double {
    guard raw > 0, raw.isFinite else { return 1 }
    let power = pow(10, log10(raw).rounded(.down))
    for factor in [1.0, 2, 5] where factor * power >= raw * (1 - 1e-9) { return factor * power }
    return 10 * power
  }

  /// Where a value lies between `low` (0) and `high` (1); outside values are held at the ends.
  func share(of value: Double) -> Double {
    high > low ? min(1, max(0, (value - low) / (high - low))) : 0
  }

  /// A tick as text, with as many digits as the distance of the ticks needs.
  func label(_ tick: Double) -> String {
    if let words { return words[Int(tick)] }
    let step = ticks.count > 1 ? ticks[1] - ticks[0] : max(1e-9, high - low)
    let largest = max(low.magnitude, high.magnitude)
    if largest > 0 && largest < 0.01 { return tick == 0 ? "0" : exponent(tick) }
    if largest >= 10_000 { return Quantities.count(Int(tick)).replacing(".0k", with: "k") }
    return Quantities.fixed(tick, max(0, Int((-log10(step) - 1e-9).rounded(.up))))
  }

  private func exponent(_ tick: Double) -> String {
    let text = Quantities.learningRate(tick)
    guard let mark = text.firstIndex(of: "e") else { return text }
    var digits = text[..<mark]
    while digits.last == "0" || digits.last == "." { digits.removeLast() }
    return String(digits) + String(text[mark...])
  }
}
