import Foundation
import HalterOptim
import Testing

/// Learning rates against the schedulers of transformers.
@Suite struct ScheduleTests {
  /// An entry of `schedules.json`.
  struct Entry: Decodable {
    let kind: String
    let steps: Int
    let warmup: Int
    let decay: Int
    let peak: Double
    let minimum_ratio: Double
    let rates: [Double]

    /// The shape in Halter's terms; decay steps become a share of all steps.
    var shape: Schedule.Shape? {
      switch kind {
      case "constant": .constant
      case "linear": .linear(floor: minimum_ratio)
      case "cosine", "cosine_with_minimum": .cosine(floor: minimum_ratio)
      case "warmup_stable_decay":
        .wsd(decay: Double(decay) / Double(steps), floor: minimum_ratio)
      default: nil
      }
    }
  }

  static let kinds = ["constant", "linear", "cosine", "cosine_with_minimum", "warmup_stable_decay"]

  private func entries() throws -> [Entry] {
    let data = try Data(contentsOf: Golden.url("adamw/schedules.json"))
    return try JSONDecoder().decode([Entry].self, from: data)
  }

  @Test(arguments: kinds) func rates(kind: String) throws {
    let entries = try entries().filter { $0.kind == kind }
    #expect(entries.count >= 3)
    for entry in entries {
      let schedule = Schedule(
        peak: entry.peak, shape: try #require(entry.shape), warmupSteps: entry.warmup,
        totalSteps: entry.steps)
      #expect(entry.rates.count == entry.steps)
      for (step, expected) in entry.rates.enumerated() {
        let rate = schedule.learningRate(at: step)
        #expect(
          abs(rate - expected) <= 1e-12 * entry.peak,
          "\(kind), step \(step) of \(entry.steps), warm-up \(entry.warmup)")
      }
    }
  }

  @Test func everyKindIsCompared() throws {
    #expect(Set(try entries().map(\.kind)) == Set(Self.kinds))
  }
}
