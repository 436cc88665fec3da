import HalterTokenizers

/// `{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}`.
///
/// A message may have `name`, `tool_calls` (an assistant's), and `train` or `weight`, which say how
/// much it counts in the loss whatever the recipe's `train_on`. The column `tools` lists the tools
/// that the assistant may call; `system` opens a conversation that has no system message.
public struct MessagesLayout: RowLayout {
  /// The layout.
  public init() {}

  /// `messages`.
  public var name: String { "messages" }

  /// The list, the tools, and a system text beside them.
  public var columns: [String] { ["messages", "tools", "system"] }

  /// The shape of a row.
  public var shape: String { #"{"messages": [{"role": …, "content": …}, …]}"# }

  /// Whether the row has `messages`.
  public func claims(_ row: SourceRow) -> Bool { row.has("messages") }

  /// The messages as they are; every assistant message may be trained on.
  public func example(from row: SourceRow) throws(DataError) -> Example {
    var turns = try row.turns(try row.required("messages", by: self), path: "messages")
    try row.requireAssistant(turns, path: "messages")
    try row.refuseEmptyAnswers(turns, path: "messages", key: "content")
    turns = try row.opened(turns, path: "messages")
    return .conversation(
      Conversation(
        messages: turns.messages, tools: try row.tools(), weights: turns.weights,
        location: row.location))
  }
}

extension SourceRow {
  /// Turns behind the system text of the column `system`, if the row has one.
  func opened(_ turns: Turns, path: String) throws(DataError) -> Turns {
    let system = try systemMessage()
    if !system.isEmpty, turns.messages.first?.role == .system {
      throw fault("system", "\(path)[0] is a system message too: keep one of them")
    }
    return Turns(system) + turns
  }
}
