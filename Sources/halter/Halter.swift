import ArgumentParser
import Foundation
import HalterRecipes

/// The command.
@main
struct Halter: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "halter",
    abstract: "Trains Llama-family language models from recipe files.",
    discussion: """
      Start with:
        halter model pull smollm2-135m-instruct
        halter run recipes/sft-lora.yaml
        halter generate --model smollm2-135m-instruct --adapter runs/sft-lora/final "What is a recipe?"
      """,
    version: "0.1.0",
    subcommands: [
      RunCommand.self, PlanCommand.self, SweepCommand.self, RecipeCommand.self, ModelCommand.self,
      DataCommand.self,
      GenerateCommand.self,
      ChatCommand.self, ScoreCommand.self, EvalCommand.self, CompareCommand.self,
      LogprobsCommand.self,
      ExportCommand.self,
      DoctorCommand.self,
    ])

  /// Parses the command line, runs the command, and ends with its exit code. Errors go to stderr,
  /// in one message.
  static func main() async {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      ExitStatus.end(error)
    }
  }
}
