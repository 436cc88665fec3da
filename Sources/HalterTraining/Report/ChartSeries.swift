/// A row of points over the steps of a run.
struct ChartSeries {
  /// One value at one step.
  struct Point: Equatable {
    var step: Double
    var value: Double
  }

  let points: [Point]

  /// A series of the finite ones among `points`.
  init(_ points: [Point]) {
    self.points = points.filter(\.value.isFinite)
  }

  /// A series of one number of each step that was not skipped.
  init(_ steps: [StepMetrics], _ value: (StepMetrics) -> Double) {
    self.init(steps.filter { !$0.skipped }.map { Point(step: Double($0.step), value: value($0)) })
  }

  /// The series smoothed by a mean whose weights fall off exponentially to both sides over about
  /// `window` points, so that the curve does not lag behind.
  func smoothed(over window: Double) -> ChartSeries {
    guard points.count > 2, window > 1 else { return self }
    let values = points.map(\.value)
    let keep = 1 - 2 / (window + 1)
    let before = ChartSeries.sums(values, keep: keep)
    let after = Array(ChartSeries.sums(values.reversed(), keep: keep).reversed())
    return ChartSeries(
      points.indices.map {
        // The point itself is in both sums.
        let sum = before[$0].sum + after[$0].sum - values[$0]
        let weight = before[$0].weight + after[$0].weight - 1
        return Point(step: points[$0].step, value: sum / weight)
      })
  }

  /// Sums of the values so far, each weighing `keep` times as much as its successor.
  private static func sums(
    _ values: [Double], keep: Double
  ) -> [(sum: Double, weight: Double)] {
    var sum = 0.0
    var weight = 0.0
    return values.map {
      sum = keep * sum + $0
      weight = keep * weight + 1
      return (sum, weight)
    }
  }

  /// At most about `count` points that look the same: each stretch gives its lowest and its highest
  /// in their order, and the ends stay.
  func thinned(to count: Int) -> ChartSeries {
    guard points.count > max(4, count) else { return self }
    let buckets = max(1, count / 2)
    var kept = [points[0]]
    for bucket in 0..<buckets {
      let range =
        bucket * points.count / buckets..<(bucket + 1) * points.count / buckets
      let stretch = points[range]
      guard let low = stretch.min(by: { $0.value < $1.value }),
        let high = stretch.max(by: { $0.value < $1.value })
      else { continue }
      for point in low.step < high.step ? [low, high] : [high, low]
      where point.step > (kept.last?.step ?? 0) {
        kept.append(point)
      }
    }
    if let last = points.last, let end = kept.last, last.step > end.step { kept.append(last) }
    return ChartSeries(kept)
  }

  /// The value below which a share of all values lies; nil without any.
  func quantile(_ share: Double) -> Double? {
    let sorted = points.map(\.value).sorted()
    guard !sorted.isEmpty else { return nil }
    return sorted[min(sorted.count - 1, max(0, Int(share * Double(sorted.count - 1) + 0.5)))]
  }
}
