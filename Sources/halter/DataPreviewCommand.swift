import ArgumentParser
import Foundation
import HalterData
import HalterRecipes
import HalterTraining

extension DataCommand {
  /// `halter data preview`.
  struct Preview: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows rows as they will be trained, with the trained tokens set off.",
      discussion: """
        Trained tokens are green; without colours they stand between ⟦ and ⟧. Below the rows is what
        became of all of them.

        Examples:
          halter data preview recipes/sft-lora.yaml
          halter data preview recipes/sft-lora.yaml data.train_on=all -n 1
        """)

    @OptionGroup var source: RecipeDataOptions
    @Option(name: [.customShort("n"), .long], help: "How many rows to show.")
    var rows = 3
    @Option(name: .long, help: "The first row to show, counted from 1.")
    var from = 1
    @Flag(name: .long, help: "Show the validation rows.")
    var validation = false
    @Flag(name: .long, help: "Print JSON lines: a row each, then the counts.")
    var json = false
    @Flag(name: .long, help: "Say nothing while reading.")
    var quiet = false

    func validate() throws {
      if rows < 0 { throw ValidationError("--rows is at least 0") }
      if from < 1 { throw ValidationError("--from is at least 1") }
    }

    func run() throws {
      let console = console(isQuiet: quiet)
      let job = try PreviewJob(
        source.load(), validation: validation, in: workplace(), observer: console)
      console.clear()
      let rows = try job.rows(from: from - 1, count: rows)
      if json {
        for row in rows { try printJSON(PreviewRow(row)) }
        return try printJSON(DataCounts(job.statistics, layouts: job.layouts))
      }
      let text = DataText(
        style: ConsoleStyle(
          environment: ProcessInfo.processInfo.environment,
          isTerminal: isatty(STDOUT_FILENO) == 1))
      for row in rows {
        try printLine(text.title(of: row.row))
        try printLine(text.row(row.text) + "\n")
      }
      for line in text.facts(validation ? "validation" : "train", job.statistics) {
        try printLine(line)
      }
    }
  }
}

/// A row as JSON.
private struct PreviewRow: Encodable {
  struct Run: Encodable {
    let text: String
    let tokens: Int
    let weight: Float
  }

  let file: String
  let line: Int
  let tokens: Int
  let trained: Int
  let runs: [Run]

  init(_ row: PreviewJob.Row) {
    file = row.row.location.file
    line = row.row.location.line
    tokens = row.row.tokens.count
    trained = row.row.trainedTokens
    runs = row.text.runs.map { Run(text: $0.text, tokens: $0.tokens, weight: $0.weight) }
  }
}
