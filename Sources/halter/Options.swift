import ArgumentParser
import Foundation
import HalterRecipes

/// Which model a command works on.
struct ModelOptions: ParsableArguments {
  @Option(
    name: .long,
    help: "A name that `halter model list` knows, a checkpoint directory, or a .gguf file.")
  var model: String

  @Option(name: .long, help: "The directory of a PEFT adapter, such as a run's final/.")
  var adapter: String?

  @Option(name: .long, help: "A chat template: chatml, llama2, llama3 or alpaca.")
  var template: String?

  @Option(name: .long, help: "Threads to compute with. (default: one per core)")
  var threads: Int?

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is 1 to 1024")
    }
  }

  /// The options as the library takes them.
  var session: ModelSession.Options {
    ModelSession.Options(model: model, adapter: adapter, template: template, threads: threads)
  }
}

/// How tokens are chosen.
struct SamplingOptions: ParsableArguments {
  @Option(name: .long, help: "Divides the logits; 0 always takes the likeliest token.")
  var temperature: Double = 0

  @Option(name: .long, help: "Keeps only the likeliest K tokens.")
  var topK: Int?

  @Option(name: .long, help: "Keeps the likeliest tokens whose probabilities sum to P.")
  var topP: Double?

  @Option(name: .long, help: "Seeds the choices.")
  var seed: UInt64 = 0

  @Option(name: .long, help: "The most tokens of an answer.")
  var maxTokens: Int = 256

  func validate() throws {
    if !(temperature >= 0 && temperature.isFinite) {
      throw ValidationError("--temperature is at least 0")
    }
    if let topK, topK < 1 { throw ValidationError("--top-k is at least 1") }
    if let topP, !(topP > 0 && topP <= 1) { throw ValidationError("--top-p is in (0, 1]") }
    if temperature == 0, topK != nil || topP != nil {
      throw ValidationError("--top-k and --top-p choose nothing at --temperature 0: raise it")
    }
    if maxTokens < 1 { throw ValidationError("--max-tokens is at least 1") }
  }
}

/// The place that a command runs in.
func workplace() throws -> Workplace {
  try Workplace(environment: ProcessInfo.processInfo.environment)
}
