import ArgumentParser
import Foundation
import HalterRecipes
import HalterTraining

/// `halter sweep`.
struct SweepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Trains a recipe with every combination of some values, and compares the runs.",
    discussion: """
      Give keys several values, with commas between them; a list in brackets or a text in quotes is
      one value. Every combination is checked before the first is run. The directory of the sweep
      holds a run directory for each, sweep.jsonl, and sweep.html with charts. Ctrl-C saves the run
      at hand; --resume goes on there, and also adds values.

      Examples:
        halter sweep recipes/sft-lora.yaml train.learning_rate=3e-4,1e-3 adapter.rank=8,16
        halter sweep recipes/sft-lora.yaml adapter.targets=all-linear,[q_proj,v_proj] --dry-run
        halter sweep recipes/sft-lora.yaml adapter.rank=8,16,32 --resume runs/sft-lora-sweep
      """)

  @Argument(help: "The recipe file.")
  var recipe: String
  @Argument(help: "Values: key.path=value,value. A single value holds for every run.")
  var values: [String] = []
  @Option(name: .long, help: "The directory to make. (default: runs/ and the recipe's name-sweep)")
  var output: String?
  @Option(name: .long, help: "The directory of a sweep to go on with.")
  var resume: String?
  @Flag(name: .long, help: "Check every combination, list the runs, and stop.")
  var dryRun = false
  @Flag(name: .long, help: "Print a line of JSON for each run.")
  var json = false
  @Flag(name: .long, help: "Print only warnings, errors and the comparison.")
  var quiet = false

  func validate() throws {
    if output != nil, resume != nil {
      throw ValidationError("--output makes a new directory and --resume goes on in one: give one")
    }
  }

  mutating func run() throws {
    let place = try workplace()
    let job = try SweepJob(recipe: recipe, arguments: values, in: place)
    if dryRun { return try list(job.runs) }
    let terminal = Terminal()
    let console = SweepConsole(
      style: terminal.style(isQuiet: quiet), width: terminal.width, clock: terminal.clock,
      sink: showText)
    let interrupt = Interrupt()
    // A reader of the messages that goes away, such as `head`, does not end the sweep.
    signal(SIGPIPE, SIG_IGN)
    let outcome = try job.run(
      output: output.map { place.url($0) } ?? job.usualOutput,
      resuming: resume.map { place.url($0) }, console: console
    ) { interrupt.isRequested }
    try show(outcome)
    let directory = outcome.directory.path
    if outcome.isInterrupted {
      console.note("Interrupted. Go on with the same command and --resume \(directory)")
      throw ExitCode(130)
    }
    console.note("The runs and their comparison are in \(directory)/\(SweepLog.report)")
    if outcome.entries.allSatisfy({ $0.ending == .failed }) { throw ExitCode(65) }
  }

  private func list(_ runs: [SweepJob.PlannedRun]) throws {
    for run in runs {
      if json {
        try printJSON(Planned(run: run.name, settings: run.settings))
      } else {
        let settings = run.settings.map { "\($0.key)=\($0.value)" }
        try printLine(settings.joined(separator: "  "))
      }
    }
  }

  private struct Planned: Encodable {
    let run: String
    let settings: [SweepEntry.Setting]
  }

  private func show(_ outcome: SweepJob.Outcome) throws {
    if json {
      for entry in outcome.entries { try printText(SweepLog.line(entry)) }
      return
    }
    let style = ConsoleStyle(
      environment: ProcessInfo.processInfo.environment, isTerminal: isatty(STDOUT_FILENO) == 1)
    for line in SweepTable(entries: outcome.entries, style: style).lines { try printLine(line) }
  }
}
