import ArgumentParser
import Foundation
import HalterModels
import HalterRecipes
import HalterTraining

extension RandomCheckpoint.Format: ExpressibleByArgument {}

extension ModelCommand {
  /// `halter model random`.
  struct Random: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Writes a checkpoint of a real geometry with random weights.",
      discussion: """
        What a model needs of memory and time does not depend on what it has learnt: measure with \
        random weights what you do not have at hand. The vocabulary is made up as well; it spells \
        any text. The same seed gives the same bytes.

        Geometries: \(LlamaConfiguration.knownNames.joined(separator: ", ")).

        Examples:
          halter model random --geometry llama-2-7b --format gguf-q4_0 --output 7b.gguf
          halter model random --config config.json --format bnb-nf4 --output mine
        """)

    @Option(name: .long, help: "The geometry of a well-known model, or tiny.")
    var geometry: String?
    @Option(name: .long, help: "A config.json to take the geometry from, or its directory.")
    var config: String?
    @Option(
      name: .long,
      help: "What to write: a GGUF file, or a directory for transformers.")
    var format: RandomCheckpoint.Format
    @Option(name: .long, help: "Seeds the weights.")
    var seed: UInt64 = 0
    @Option(name: .long, help: "The file or directory to write, which must not exist.")
    var output: String
    @Flag(name: .long, help: "Print nothing but the path.")
    var quiet = false

    func validate() throws {
      if (geometry == nil) == (config == nil) {
        throw ValidationError("give either --geometry or --config")
      }
    }

    func run() throws {
      let place = try workplace()
      let job = try RandomModelJob(
        geometry.map { .known($0) } ?? .file(config ?? ""), in: place)
      let line = TransferLine(isShown: !quiet)
      try job.write(format, seed: seed, to: output) { done, total in
        line.show(
          "writing \(Quantities.count(done)) of \(Quantities.count(total)) weights",
          isNew: done == total)
      }
      line.end()
      try printLine(place.url(output).path)
    }
  }
}
