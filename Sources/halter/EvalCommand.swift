import ArgumentParser
import Foundation
import HalterData
import HalterFormats
import HalterRecipes
import HalterTraining

/// `halter eval`.
struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measures how well a reward model agrees with preferences.",
    discussion: """
      Rows are pairs or ranked answers of any layout that `method: reward` reads. Told are the
      accuracy with its confidence interval, by how clear the preference is and by how much longer
      the preferred answer is; the loss, the scores, the calibration and the length bias.

      Examples:
        halter eval runs/reward-helpful --input datasets/preference-helpful/validation.jsonl
        halter eval --model base --adapter rm/final --input pairs.jsonl --json
        halter eval runs/reward-helpful --input pairs.jsonl --report report.html
      """)

  @OptionGroup var reward: RewardModelOptions
  @Option(name: .long, help: "The file of rows.")
  var input: String
  @Flag(name: .long, help: "Print JSON.")
  var json = false
  @Option(name: .long, help: "Write a page with charts to this file.")
  var report: String?

  func run() throws {
    let place = try workplace()
    let job = EvalJob(try reward.scorer(in: place))
    let result = try job.run(rows: place.url(input), name: input)
    for note in result.statistics.notes { showText("\(input): \(note)\n") }
    if let report {
      let page = HTMLReport.render(
        preferences: result.report, title: "\(reward.run ?? reward.model ?? "") on \(input)")
      try AtomicWrite.write(page, to: place.url(report))
    }
    if json {
      try printLine(result.report.json ?? "null")
    } else {
      for line in PreferenceText(result.report).lines { try printLine(line) }
    }
  }
}
