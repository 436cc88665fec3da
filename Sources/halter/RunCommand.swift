import ArgumentParser
import Foundation
import HalterRecipes
import HalterTraining

/// `halter run`.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Trains what a recipe says.",
    discussion: """
      A run leaves a directory with the recipe, metrics, samples, checkpoints, a report and the
      result in final/. Ctrl-C finishes the step, saves and ends with exit code 130; a second one
      ends at once.

      Examples:
        halter run recipes/sft-lora.yaml
        halter run recipes/sft-lora.yaml train.learning_rate=1e-4 output=runs/slow
        halter run recipes/sft-lora.yaml --resume runs/sft-lora
      """)

  @Argument(help: "The recipe file.")
  var recipe: String
  @Argument(help: "Overrides: key.path=value.")
  var overrides: [String] = []
  @Option(name: .long, help: "A run directory to go on with.")
  var resume: String?
  @Flag(name: .long, help: "Load and check everything, show what would be done, and stop.")
  var dryRun = false
  @Flag(name: .long, help: "Run even if it will not fit in the memory that is available.")
  var ignoreMemory = false
  @Flag(name: .long, help: "Print only warnings and errors.")
  var quiet = false

  mutating func run() throws {
    let place = try workplace()
    let job = try TrainJob(
      RecipeLoader.load(path: recipe, overrides: overrides), in: place)
    let resumed = resume.map { place.url($0) }
    let console = console(
      isQuiet: quiet, modelName: job.modelName,
      earlier: try resumed.map { try MetricsLog.read(directory: $0) } ?? RunRecord())
    if dryRun { return try job.dryRun(observer: console) }
    let interrupt = Interrupt()
    // A reader of the messages that goes away, such as `head`, does not end the run.
    signal(SIGPIPE, SIG_IGN)
    let summary = try job.run(
      resuming: resumed, ignoringMemory: ignoreMemory, observer: console
    ) {
      interrupt.isRequested
    }
    if summary.ending == .interrupted { throw ExitCode(130) }
  }
}
