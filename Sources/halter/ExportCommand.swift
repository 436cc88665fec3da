import ArgumentParser
import Foundation
import HalterRecipes

/// `halter export`.
struct ExportCommand: ParsableCommand {
  /// Formats of exported weights.
  enum Format: String, ExpressibleByArgument, CaseIterable {
    /// The adapter alone, as PEFT loads it.
    case peft
    /// A directory that transformers loads.
    case safetensors
  }

  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Takes the result of a run away: merged weights or the adapter.",
    discussion: """
      Examples:
        halter export runs/sft-lora --merge --format safetensors --output merged
        halter export --adapter runs/sft-lora/final --model smollm2-135m-instruct --merge --output m
      """)

  @Argument(help: ArgumentHelp("A run directory; or give --model and --adapter.", valueName: "run"))
  var runDirectory: String?
  @Option(name: .long, help: "A checkpoint of the run instead of its end: best, last or step-N.")
  var checkpoint: String?
  @Option(name: .long, help: "The base model.")
  var model: String?
  @Option(name: .long, help: "The directory of a PEFT adapter.")
  var adapter: String?
  @Option(
    name: .long, help: "The format: \(Format.allCases.map(\.rawValue).joined(separator: ", ")).")
  var format: Format = .safetensors
  @Flag(name: .long, help: "Merge the adapter into the weights of the base model.")
  var merge = false
  @Option(name: .long, help: "The directory to write; it must not exist.")
  var output: String

  func validate() throws {
    if (runDirectory == nil) == (model == nil) {
      throw ValidationError("Give either a run directory, or --model and --adapter.")
    }
    if runDirectory != nil && adapter != nil {
      throw ValidationError("A run directory names its own adapter; leave --adapter out.")
    }
    if checkpoint != nil && runDirectory == nil {
      throw ValidationError("--checkpoint needs a run directory.")
    }
    if format == .safetensors && !merge {
      throw ValidationError("--format safetensors writes merged weights: add --merge.")
    }
    if format == .peft && merge {
      throw ValidationError("--format peft writes the adapter alone: leave --merge out.")
    }
  }

  mutating func run() throws {
    let place = try workplace()
    let options: ModelSession.Options
    if let run = runDirectory {
      options = try ExportJob.options(ofRun: place.url(run), checkpoint: checkpoint)
    } else {
      options = ModelSession.Options(model: model ?? "", adapter: adapter)
    }
    let job = ExportJob(options, in: place)
    let target = place.url(output)
    switch format {
    case .safetensors: try job.merge(to: target)
    case .peft: try job.copyAdapter(to: target)
    }
    try printLine(target.path)
  }
}
