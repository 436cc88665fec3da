import Foundation

extension JSONLine {
  /// Adds what the scores of a step say, under the names that TRL has for it.
  mutating func add(_ reward: RewardSummary) {
    add("accuracy", reward.accuracy)
    add("margin", reward.margin)
    add("mean_reward", reward.meanReward)
    add("min_reward", reward.minReward)
    add("max_reward", reward.maxReward)
  }

  /// Adds what an evaluation says: the same, and all of the report below `preferences`.
  mutating func add(_ report: PreferenceReport) {
    add(
      RewardSummary(
        accuracy: report.accuracy.share ?? .nan, margin: report.margin,
        meanReward: report.meanReward, minReward: report.minReward, maxReward: report.maxReward))
    if let json = report.json { add("preferences", json: json) }
  }
}

extension PreferenceReport {
  /// The report as JSON on one line, its keys in snake case; nil where a number in it is not
  /// finite, which JSON cannot say.
  public var json: String? {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) }
  }
}
