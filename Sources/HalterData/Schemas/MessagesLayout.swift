import HalterJSON

/// `{"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}`.
///
/// Further keys of the row (an id, a source) are not read.
public struct MessagesLayout: RowLayout {
  /// The layout.
  public init() {}

  /// `messages`.
  public var name: String { "messages" }

  /// The shape of a row.
  public var shape: String { #"{"messages": [{"role": …, "content": …}, …]}"# }

  /// Whether the row has `messages`.
  public func claims(_ row: JSONObject) -> Bool { row["messages"] != nil }

  /// The messages as they are; every assistant message may be trained on.
  public func example(
    from row: JSONObject, at location: RowLocation
  ) throws(DataError) -> Example {
    let row = Row(object: row, location: location)
    let messages = try row.messages(try row.member("messages", of: self), path: "messages")
    try row.requireAssistant(messages, path: "messages")
    return .conversation(Conversation(messages: messages, location: location))
  }
}
