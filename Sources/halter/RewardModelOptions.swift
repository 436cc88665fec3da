import ArgumentParser
import Foundation
import HalterRecipes
import HalterTraining

/// Which reward model a command works on.
struct RewardModelOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "The directory of a run of method reward; or give --model.", valueName: "run"))
  var run: String?
  @Option(
    name: .long,
    help: "A reward model's directory, or its base model: a name, a directory or a .gguf file.")
  var model: String?
  @Option(name: .long, help: "The directory of a reward model's adapter, such as a run's final/.")
  var adapter: String?
  @Option(
    name: .long,
    help: "A second reward model, of safety: a run, or a reward model's directory.")
  var safety: String?
  @Option(
    name: .long,
    help: "The probability of being safe below which the safety model decides.")
  var safetyThreshold: Double = 0.15
  @Option(name: .long, help: "A chat template: chatml, llama2, llama3 or alpaca.")
  var template: String?
  @Option(name: .long, help: "Threads to compute with. (default: one per core)")
  var threads: Int?

  func validate() throws {
    if (run == nil) == (model == nil) {
      throw ValidationError("Give either a run directory or --model.")
    }
    if run != nil, adapter != nil {
      throw ValidationError("A run directory names its own adapter; leave --adapter out.")
    }
    if !(0...1).contains(safetyThreshold) {
      throw ValidationError("--safety-threshold is a probability, 0 to 1.")
    }
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is 1 to 1024")
    }
  }

  /// The models, loaded.
  func scorer(in place: Workplace) throws -> RewardScorer {
    let main = try session(
      run.map { try ModelPlace.options($0, in: place) }
        ?? ModelSession.Options(model: model ?? "", adapter: adapter), place)
    guard let safety else { return RewardScorer(main) }
    return RewardScorer(
      helpful: main, safety: try session(try ModelPlace.options(safety, in: place), place),
      rule: CombinedReward(threshold: safetyThreshold))
  }

  private func session(
    _ options: ModelSession.Options, _ place: Workplace
  ) throws -> RewardSession {
    var options = options
    options.template = template ?? options.template
    options.threads = threads
    return try RewardSession(options, in: place)
  }
}
