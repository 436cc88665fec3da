import HalterJSON
import HalterTokenizers

/// `{"prompt": "…", "completion": "…"}`, as text or as lists of messages.
///
/// Text goes through the chat template like everything else: the prompt is a user message, the
/// completion the assistant's answer. So a model trained on such rows answers in `chat` the way it
/// was trained. In message form only the completion is trained on, assistant messages of the
/// prompt are context. The columns `system` and `tools` are those of `messages`.
public struct PromptCompletionLayout: RowLayout {
  /// The layout.
  public init() {}

  /// `prompt-completion`.
  public var name: String { "prompt-completion" }

  /// The two sides, and what may stand beside them.
  public var columns: [String] { ["prompt", "completion", "system", "tools"] }

  /// The shape of a row.
  public var shape: String { #"{"prompt": …, "completion": …}"# }

  /// Whether the row has `prompt` and `completion`, and no judgement of it.
  public func claims(_ row: SourceRow) -> Bool {
    row.has("prompt", "completion") && !row.has("label")
  }

  /// Prompt and completion joined; what stands in the prompt is not trained on unless the row says
  /// so.
  public func example(from row: SourceRow) throws(DataError) -> Example {
    let prompt = try row.opened(try row.prompt(by: self), path: "prompt")
    let completion = try row.completion(by: self)
    let turns = prompt + completion
    return .conversation(
      Conversation(
        messages: turns.messages, tools: try row.tools(), firstTrained: prompt.messages.count,
        weights: turns.weights, location: row.location))
  }
}

extension SourceRow {
  /// The column `prompt`: text that a user says, or messages.
  func prompt(by layout: any RowLayout) throws(DataError) -> Turns {
    try side("prompt", as: .user, by: layout)
  }

  /// The column `completion`: text that the assistant says, or messages with an assistant's.
  func completion(by layout: any RowLayout) throws(DataError) -> Turns {
    let turns = try side("completion", as: .assistant, by: layout)
    try requireAssistant(turns, path: "completion")
    return turns
  }

  private func side(
    _ column: String, as role: Message.Role, by layout: any RowLayout
  ) throws(DataError) -> Turns {
    let value = try required(column, by: layout)
    if value.array != nil {
      let turns = try turns(value, path: column)
      try refuseEmptyAnswers(turns, path: column, key: "content")
      return turns
    }
    guard let text = value.string else {
      throw fault(column, "found \(value.kindInWords), expected text or a list of messages")
    }
    if text.isBlank { throw fault(column, "the text is empty") }
    return Turns([Message(role: role, content: text)])
  }
}
