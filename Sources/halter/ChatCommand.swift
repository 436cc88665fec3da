import ArgumentParser
import Foundation
import HalterData
import HalterModels
import HalterRecipes
import HalterTokenizers

/// `halter chat`.
struct ChatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat",
    abstract: "Talks with a model.",
    discussion: """
      Each line of input is a turn; answers stream to stdout. An empty line or end of input ends the
      conversation, /reset begins a new one.

      Example:
        halter chat --model smollm2-135m-instruct --temperature 0.7
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var sampling: SamplingOptions
  @Option(name: .long, help: "A system message before the conversation.")
  var system: String?

  func run() throws {
    let session = try ModelSession(model.session, in: workplace())
    let renderer = try session.renderer()
    let generator = session.generator()
    let opening = system.map { [Message(role: .system, content: $0)] } ?? []
    var messages = opening
    var turn: UInt64 = 0
    while let line = readTurn(), !line.isEmpty {
      if line == "/reset" {
        messages = opening
        continue
      }
      messages.append(Message(role: .user, content: line))
      let tokens = try renderer.prompt(for: messages)
      let writer = AnswerWriter(session, isSilent: false)
      var choice = sampling.sampling
      choice.seed &+= turn
      turn += 1
      let answer: [Int32]
      do {
        let finish: Generator.Finish
        (answer, finish) = try generator.generate(
          tokens, maxTokens: sampling.maxTokens, stops: session.stops, sampling: choice,
          onToken: writer.write)
        try writer.finish()
        if finish == .context {
          ExitStatus.report("the model's context is full; /reset begins a new conversation")
        }
      } catch let error as ModelError {
        // The conversation has outgrown the context: the turn is taken back, the rest stays.
        ExitStatus.report("\(error) /reset begins a new conversation.")
        messages.removeLast()
        continue
      }
      messages.append(
        Message(role: .assistant, content: session.tokenizer.decode(answer)))
    }
  }

  private func readTurn() -> String? {
    if isatty(STDIN_FILENO) == 1 { showText("> ") }
    return readLine()
  }
}
