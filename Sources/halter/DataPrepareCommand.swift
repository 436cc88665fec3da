import ArgumentParser
import Foundation
import HalterData
import HalterRecipes
import HalterTraining

extension DataCommand {
  /// `halter data prepare`.
  struct Prepare: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Tokenises the rows of a recipe ahead of its runs.",
      discussion: """
        The tokenised rows are kept in $HALTER_HOME/datasets (~/.cache/halter/datasets by default)
        in HDF5 files, which runs of the recipe then read. A file is used for as long as the data,
        the tokenizer, the template and the recipe's policies stay the same. All files together
        take 32 GiB at most; those that were not used for longest go first.

        Example:
          halter data prepare recipes/sft-lora.yaml
        """)

    @OptionGroup var source: RecipeDataOptions
    @Flag(name: .long, help: "Print JSON lines: one for each set.")
    var json = false
    @Flag(name: .long, help: "Print only warnings and errors while reading.")
    var quiet = false

    func run() throws {
      let console = console(isQuiet: quiet)
      let interrupt = Interrupt()
      let job = try PrepareJob(source.load(), in: workplace(), observer: console) {
        interrupt.isRequested
      }
      console.clear()
      for set in job.sets {
        if json {
          try printJSON(PreparedFile(set))
        } else {
          let statistics = set.dataset.statistics
          try printLine(
            set.note + "\n  tokens  \(Quantities.count(statistics.tokens)), "
              + "\(Quantities.count(statistics.trainedTokens)) of them trained"
              + "\n  file    \(set.file.path), \(Quantities.bytes(set.bytes))")
        }
      }
    }
  }
}

/// A set in the cache as JSON.
private struct PreparedFile: Encodable {
  let name: String
  let file: String
  let bytes: Int
  let reused: Bool
  /// Why the rows were tokenised; absent where they were in the cache.
  let reason: String?
  let counts: DataCounts

  init(_ set: PreparedSet) {
    name = set.name
    file = set.file.path
    bytes = set.bytes
    switch set.origin {
    case .reused: (reused, reason) = (true, nil)
    case .tokenized(let why): (reused, reason) = (false, why.description)
    }
    counts = DataCounts(set.dataset.statistics, layouts: set.dataset.layouts)
  }
}
