import ArgumentParser
import Foundation
import HalterRecipes
import HalterTraining

/// `halter score`.
struct ScoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Scores answers with a reward model, as JSON lines.",
    discussion: """
      Rows are JSON lines with messages, a prompt and a completion, a prompt and a list of responses,
      or a pair. For each the scores come out, the ranking and the best. Scores are logits: of two
      answers the first is better with the probability 1 / (1 + exp(second - first)).

      With --threshold, answers that score lower are flagged; --flag prints only rows with a flagged
      answer. Where rows say what is bad (label, chosen_safe, rejected_safe), precision and recall of
      the flags are told on stderr.

      Examples:
        halter score runs/reward-safety --input datasets/preference-safety/validation.jsonl
        halter score --model smollm2-135m-instruct --adapter runs/reward-safety/final \\
          --input answers.jsonl --threshold 0 --flag
      """)

  @OptionGroup var reward: RewardModelOptions
  @Option(name: .long, help: "The file of rows.")
  var input: String
  @Option(name: .long, help: "Answers that score lower are flagged.")
  var threshold: Double?
  @Flag(name: .long, help: "Print only rows of which an answer is flagged.")
  var flag = false

  func validate() throws {
    if flag, threshold == nil { throw ValidationError("--flag needs a --threshold.") }
    if let threshold, !threshold.isFinite {
      throw ValidationError("--threshold is a finite number.")
    }
  }

  func run() throws {
    let place = try workplace()
    let job = ScoreJob(try reward.session(in: place))
    var flags = ScoreJob.Flags()
    var (rows, answers, flagged, agreed) = (0, 0, 0, Proportion(hits: 0, count: 0))
    try job.run(rows: place.url(input), threshold: threshold) { row in
      flags.add(row)
      rows += 1
      answers += row.scores.count
      flagged += row.flagged?.count { $0 } ?? 0
      if let agrees = row.agrees {
        agreed = Proportion(hits: agreed.hits + (agrees ? 1 : 0), count: agreed.count + 1)
      }
      if !flag || row.flagged?.contains(true) == true { try printJSON(row) }
    }
    var words = "\(Quantities.grouped(rows)) rows, \(Quantities.grouped(answers)) answers"
    if threshold != nil { words += ", \(Quantities.grouped(flagged)) flagged" }
    if agreed.count > 0 { words += "; the preferred answer scores higher in \(agreed.words)" }
    showText(words + "\n")
    if threshold != nil, flags.count > 0 {
      let precision = flags.precision.map { Quantities.share($0, of: 1) } ?? "–"
      let recall = flags.recall.map { Quantities.share($0, of: 1) } ?? "–"
      showText(
        "of \(Quantities.grouped(flags.count)) answers with a label: precision \(precision), recall"
          + " \(recall)\n")
    }
  }
}

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
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is 1 to 1024")
    }
  }

  /// The model, loaded.
  func session(in place: Workplace) throws -> RewardSession {
    var options =
      try run.map { try ExportJob.options(ofRun: place.url($0)) }
      ?? ModelSession.Options(model: model ?? "", adapter: adapter)
    options.template = template ?? options.template
    options.threads = threads
    return try RewardSession(options, in: place)
  }
}
