import ArgumentParser
import HalterRecipes
import HalterTraining

/// `halter plan`.
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Says what memory and time a recipe takes, before it runs.",
    discussion: """
      The rows are read, and a few blocks of the model are trained for a second or two, to see how \
      fast this machine is. The memory is the peak of the process as the system accounts for it.

      Examples:
        halter plan recipes/sft-lora.yaml
        halter plan recipes/sft-lora.yaml train.recompute=blocks --json
        halter plan recipes/sft-lora.yaml --memory 4
      """)

  @Argument(help: "The recipe file.")
  var recipe: String
  @Argument(help: "Overrides: key.path=value.")
  var overrides: [String] = []
  @Option(
    name: .long, help: "Plan for so many GiB, instead of the memory that is available here.")
  var memory: Double?
  @Flag(name: .long, help: "Print one JSON object.")
  var json = false
  @Flag(name: .long, help: "Print only the plan, warnings and errors.")
  var quiet = false

  func validate() throws {
    if let memory, !(memory > 0 && memory < 1e6) {
      throw ValidationError("--memory is a number of GiB above 0")
    }
  }

  func run() throws {
    let place = try workplace()
    let job = try TrainJob(RecipeLoader.load(path: recipe, overrides: overrides), in: place)
    let plan = try job.plan(
      available: memory.map { Int($0 * Double(1 << 30)) },
      observer: console(isQuiet: quiet || json, modelName: job.modelName, earlier: RunRecord()))
    if json { return try printJSON(plan) }
    for line in plan.lines { try printLine(line) }
  }
}
