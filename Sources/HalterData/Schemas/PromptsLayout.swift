import HalterTokenizers

/// `{"prompt": "…"}`: something to answer, as text or as a list of messages. There is nothing to
/// learn in such rows; sampling methods and evaluations read them.
public struct PromptsLayout: RowLayout {
  /// The layout.
  public init() {}

  /// `prompts`.
  public var name: String { "prompts" }

  /// The prompt, and a system text beside it.
  public var columns: [String] { ["prompt", "system"] }

  /// The shape of a row.
  public var shape: String { #"{"prompt": …}"# }

  /// Whether the row has `prompt` and no answer to it.
  public func claims(_ row: SourceRow) -> Bool {
    row.has("prompt")
      && !["completion", "chosen", "rejected", "responses"].contains { row.has($0) }
  }

  /// The prompt as messages.
  public func example(from row: SourceRow) throws(DataError) -> Example {
    let prompt = try row.prompt(by: self)
    try row.refuseWeights(prompt, path: "prompt")
    try row.refuseTools(in: self)
    if prompt.messages.last?.role == .assistant {
      throw row.fault("prompt", "the last message is the assistant's: nothing asks for an answer")
    }
    return .prompt(
      OpenPrompt(
        messages: try row.opened(prompt, path: "prompt").messages, location: row.location))
  }
}
