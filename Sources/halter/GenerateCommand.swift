import ArgumentParser
import Foundation
import HalterData
import HalterModels
import HalterRecipes
import HalterTokenizers

/// `halter generate`.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Answers a prompt.",
    discussion: """
      The prompt is a user's turn in the model's chat template; with --raw it is plain text to be
      continued. The answer streams to stdout.

      Example:
        halter generate --model smollm2-135m-instruct --adapter runs/sft-lora/final "What is LoRA?"
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var sampling: SamplingOptions
  @Option(name: .long, help: "A system message before the prompt.")
  var system: String?
  @Flag(name: .long, help: "Continue the prompt as plain text, without a chat template.")
  var raw = false
  @Flag(name: .long, help: "Print one JSON object with the answer and its tokens.")
  var json = false
  @Argument(help: "The prompt.")
  var prompt: String

  private struct Result: Encodable {
    let text: String
    let tokens: [Int32]
    let finish: String
  }

  func run() throws {
    let session = try ModelSession(model.session, in: workplace())
    let messages =
      (system.map { [Message(role: .system, content: $0)] } ?? [])
      + [Message(role: .user, content: prompt)]
    let tokens =
      raw ? session.tokens(ofPlain: prompt) : try session.renderer().prompt(for: messages)
    let writer = AnswerWriter(session, isSilent: json)
    let (answer, finish) = try session.generator(
      prompt: tokens.count, answer: sampling.maxTokens
    ).generate(
      tokens, maxTokens: sampling.maxTokens, stops: session.stops, sampling: sampling.sampling,
      onToken: writer.write)
    try writer.finish()
    if json {
      try printJSON(
        Result(
          text: session.tokenizer.decode(answer), tokens: answer, finish: finish.rawValue))
    }
  }
}

/// Streams an answer to stdout as its characters become complete.
final class AnswerWriter {
  private var decoder: StreamDecoder
  private let isSilent: Bool
  private var failure: OutputError?

  init(_ session: ModelSession, isSilent: Bool) {
    decoder = StreamDecoder(session.tokenizer)
    self.isSilent = isSilent
  }

  /// Writes what a token completes; goes on unless it could not be written.
  func write(_ token: Int32) -> Bool {
    let text = decoder.append(token)
    if isSilent { return true }
    do throws(OutputError) {
      try printText(text)
    } catch {
      failure = error
    }
    return failure == nil
  }

  /// Writes the rest and ends the line.
  func finish() throws(OutputError) {
    if let failure { throw failure }
    let rest = decoder.finish()
    if !isSilent { try printLine(rest) }
  }
}

extension SamplingOptions {
  /// The options as the library takes them.
  var sampling: Sampling {
    Sampling(temperature: temperature, topK: topK, topP: topP, seed: seed)
  }
}
