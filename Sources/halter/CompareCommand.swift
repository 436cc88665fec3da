import ArgumentParser
import Foundation
import HalterRecipes
import HalterTraining

/// `halter compare`.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Lets two models answer the same prompts, and a reward model judge the answers.",
    discussion: """
      A model is a run directory, or a name, a directory or a .gguf file. Answers, scores and the
      winner of each prompt come out as JSON lines, the share of prompts that the first model wins on
      stderr, with the bounds of a confidence of 95 %. Ties are told and left out.

      Example:
        halter compare runs/sft-lora smollm2-135m-instruct --judge runs/reward-helpful \\
          --prompts datasets/preference-helpful/validation.jsonl --limit 20
      """)

  @Argument(help: "The first model: a run directory, a name, a directory or a .gguf file.")
  var a: String
  @Argument(help: "The second model.")
  var b: String
  @Option(name: .long, help: "The reward model that judges: a run, or a reward model's directory.")
  var judge: String
  @Option(name: .long, help: "A second judge, of safety.")
  var safety: String?
  @Option(name: .long, help: "The file of prompts.")
  var prompts: String
  @Option(name: .long, help: "Only the first so many rows.")
  var limit: Int?
  @OptionGroup var sampling: SamplingOptions
  @Option(name: .long, help: "Threads to compute with. (default: one per core)")
  var threads: Int?

  func validate() throws {
    if let limit, limit < 1 { throw ValidationError("--limit is at least 1") }
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is 1 to 1024")
    }
  }

  func run() throws {
    let place = try workplace()
    func options(_ word: String) throws -> ModelSession.Options {
      var options = try ModelPlace.options(word, in: place)
      options.threads = threads
      return options
    }
    let main = try RewardSession(options(judge), in: place)
    let scorer =
      try safety.map {
        RewardScorer(
          helpful: main, safety: try RewardSession(options($0), in: place),
          rule: CombinedReward())
      } ?? RewardScorer(main)
    let job = CompareJob(
      try ModelSession(options(a), in: place), try ModelSession(options(b), in: place),
      judge: scorer)
    var (wins, losses, ties) = (0, 0, 0)
    try job.run(
      prompts: place.url(prompts), limit: limit, maxTokens: sampling.maxTokens,
      sampling: sampling.sampling
    ) { row in
      switch row.winner {
      case .a: wins += 1
      case .b: losses += 1
      case .tie: ties += 1
      }
      try printJSON(row)
    }
    let rate = Proportion(hits: wins, count: wins + losses)
    showText("\(a) beats \(b) in \(rate.words)\(ties > 0 ? ", \(ties) ties" : "")\n")
  }
}
