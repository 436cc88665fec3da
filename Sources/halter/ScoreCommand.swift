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

      With --safety, a second model decides where it holds an answer for unsafe, or where a row has
      `is_safety: true`. With --threshold, answers that score lower are flagged; --flag prints only rows with a flagged
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
  @Flag(name: .long, help: "Tell scores with the mean 0 and the deviation 1 over the file.")
  var whiten = false

  func validate() throws {
    if flag, threshold == nil { throw ValidationError("--flag needs a --threshold.") }
    if let threshold, !threshold.isFinite {
      throw ValidationError("--threshold is a finite number.")
    }
  }

  func run() throws {
    let place = try workplace()
    let job = ScoreJob(try reward.scorer(in: place))
    var flags = ScoreJob.Flags()
    var (rows, answers, flagged, agreed) = (0, 0, 0, Proportion(hits: 0, count: 0))
    try job.run(rows: place.url(input), threshold: threshold, whitens: whiten) { row in
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
