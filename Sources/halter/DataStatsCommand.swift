import ArgumentParser
import Foundation
import HalterData
import HalterRecipes
import HalterTraining

extension DataCommand {
  /// `halter data stats`.
  struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Counts rows, tokens, lengths, scripts and languages.",
      discussion: """
        Languages are guessed by common words of texts in Latin letters; short rows have none.

        Example:
          halter data stats recipes/sft-lora.yaml
        """)

    @OptionGroup var source: RecipeDataOptions
    @Flag(name: .long, help: "Print JSON lines: one for each set.")
    var json = false
    @Flag(name: .long, help: "Say nothing while reading.")
    var quiet = false

    func run() throws {
      let console = console(isQuiet: quiet)
      let job = try DataStatsJob(source.load(), in: workplace(), observer: console)
      console.clear()
      if json {
        for set in job.sets { try printJSON(SetFigures(set)) }
        return
      }
      let environment = ProcessInfo.processInfo.environment
      let text = DataText(
        style: ConsoleStyle(
          environment: environment, isTerminal: isatty(STDOUT_FILENO) == 1))
      let columns = ConsoleStyle.width(environment: environment, terminal: nil)
      for set in job.sets {
        let lengths = SetFigures.shares.map { "p\($0) \(set.length(atShare: Double($0) / 100))" }
        let more = [
          ("scripts", DataText.shares(set.profile.scriptShares.map { ($0.script.name, $0.share) })),
          (
            "languages", DataText.shares(set.profile.languageShares.map { ($0.language, $0.share) })
          ),
          ("lengths", lengths.joined(separator: ", ") + " tokens"),
        ]
        let lines =
          text.facts(set.name, set.statistics, more: more)
          + text.histogram(set.statistics, columns: columns) + [""]
        for line in lines { try printLine(line) }
      }
    }
  }
}

/// The figures of a set as JSON.
private struct SetFigures: Encodable {
  static let shares = [0, 50, 90, 99, 100]

  let name: String
  let counts: DataCounts
  /// Lengths in tokens by the share of rows in percent that do not exceed them.
  let lengths: [String: Int]
  let characters: Int
  /// The share of letters by script.
  let scripts: [String: Double]
  /// The share of rows by language.
  let languages: [String: Double]

  init(_ set: DataStatsJob.Figures) {
    name = set.name
    counts = DataCounts(set.statistics, layouts: set.layouts)
    lengths = Dictionary(
      uniqueKeysWithValues: Self.shares.map { ("p\($0)", set.length(atShare: Double($0) / 100)) })
    characters = set.profile.characters
    scripts = Dictionary(
      uniqueKeysWithValues: set.profile.scriptShares.map { ($0.script.name, $0.share) })
    languages = Dictionary(
      uniqueKeysWithValues: set.profile.languageShares.map { ($0.language, $0.share) })
  }
}
