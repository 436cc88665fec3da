import ArgumentParser
import Foundation
import HalterRecipes

/// `halter logprobs`.
struct LogprobsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logprobs",
    abstract: "Prints the log-probability of every token of some rows, as JSON lines.",
    discussion: """
      Rows are JSON lines with messages, with prompt and completion, or with text. The first token
      of a row has no log-probability.

      Example:
        halter logprobs --model smollm2-135m-instruct --input datasets/handbook/validation.jsonl
      """)

  @OptionGroup var model: ModelOptions
  @Option(name: .long, help: "The file of rows.")
  var input: String

  func run() throws {
    let place = try workplace()
    let job = LogprobsJob(try ModelSession(model.session, in: place))
    try job.run(rows: place.url(input)) { try printJSON($0) }
  }
}
