import ArgumentParser
import Foundation
import HalterData
import HalterRecipes

extension LayoutWriter.Target: ExpressibleByArgument {}
extension LayoutWriter.Side: ExpressibleByArgument {}

extension DataCommand {
  /// `halter data convert`.
  struct Convert: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Writes rows of any layout as JSON lines of another.",
      discussion: """
        A row that the other layout cannot hold whole is refused, and nothing is written. An
        existing file is never overwritten.

        Examples:
          halter data convert alpaca.json --to messages --output messages.jsonl
          halter data convert pairs.jsonl --to messages --side chosen --output chosen.jsonl
        """)

    @Argument(help: "The file of rows.")
    var input: String
    @Option(name: .long, help: "The layout to write.")
    var to: LayoutWriter.Target
    @Option(name: .long, help: "The layout of the file. (default: told from its first row)")
    var from: String?
    @Option(name: .long, help: "Which answer of a preference pair to write where only one fits.")
    var side: LayoutWriter.Side?
    @Option(name: [.short, .long], help: "The file to write.")
    var output: String
    @Flag(name: .long, help: "Say nothing.")
    var quiet = false

    func run() throws {
      let place = try workplace()
      let source = DataSource(path: place.url(input).path, name: input, layout: from)
      let job = ConvertJob(source, writer: LayoutWriter(to, side: side))
      let (layout, read, written) = try job.run(to: place.url(output))
      if !quiet {
        showText("\(read) rows of layout \(layout) read, \(written) written as \(to.rawValue)\n")
      }
      try printLine(output)
    }
  }
}
