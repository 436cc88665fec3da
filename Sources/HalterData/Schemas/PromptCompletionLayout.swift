import HalterJSON
import HalterTokenizers

/// `{"prompt": "…", "completion": "…"}`, as text or as lists of messages.
///
/// Text goes through the chat template like everything else: the prompt is a user message, the
/// completion the assistant's answer. So a model trained on such rows answers in `chat` the way it
/// was trained. In message form only the completion is trained on, assistant messages of the
/// prompt are context.
public struct PromptCompletionLayout: RowLayout {
  /// The layout.
  public init() {}

  /// `prompt-completion`.
  public var name: String { "prompt-completion" }

  /// The shape of a row.
  public var shape: String { #"{"prompt": …, "completion": …}"# }

  /// Whether the row has `prompt` and `completion`.
  public func claims(_ row: JSONObject) -> Bool {
    row["prompt"] != nil && row["completion"] != nil
  }

  /// Prompt and completion joined; what stands in the prompt is never trained on.
  public func example(
    from row: JSONObject, at location: RowLocation
  ) throws(DataError) -> Example {
    let row = Row(object: row, location: location)
    let prompt = try side("prompt", as: .user, of: row)
    let completion = try side("completion", as: .assistant, of: row)
    try row.requireAssistant(completion, path: "completion")
    return .conversation(
      Conversation(
        messages: prompt + completion, firstTrained: prompt.count, location: location))
  }

  private func side(
    _ key: String, as role: Message.Role, of row: Row
  ) throws(DataError) -> [Message] {
    let value = try row.member(key, of: self)
    if value.array != nil { return try row.messages(value, path: key) }
    guard let text = value.string else {
      throw row.fault(key, "found \(value.kindInWords), expected text or a list of messages")
    }
    if text.allSatisfy(\.isWhitespace) { throw row.fault(key, "the text is empty") }
    return [Message(role: role, content: text)]
  }
}
