import HalterJSON
import HalterTokenizers

/// `{"conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}]}`.
///
/// The roles are those that such sets use: `human` and `user`, `gpt` and `assistant`, `system`,
/// `tool` and `observation` (a tool's result), and `function_call`, whose value is the JSON text of
/// a call, `{"name": …, "arguments": …}`. The columns `system` and `tools` are those of `messages`;
/// a turn may have `train` or `weight`.
public struct ShareGPTLayout: RowLayout {
  /// The layout.
  public init() {}

  /// `sharegpt`.
  public var name: String { "sharegpt" }

  /// The turns, a system text beside them, and the tools.
  public var columns: [String] { ["conversations", "system", "tools"] }

  /// The shape of a row.
  public var shape: String {
    #"{"conversations": [{"from": "human", "value": …}, {"from": "gpt", "value": …}, …]}"#
  }

  /// Whether the row has `conversations` and no pair of answers.
  public func claims(_ row: SourceRow) -> Bool {
    row.has("conversations") && !row.has("chosen", "rejected")
  }

  /// The turns as messages; every answer may be trained on.
  public func example(from row: SourceRow) throws(DataError) -> Example {
    let value = try row.required("conversations", by: self)
    let turns = try row.shareGPT(value, path: "conversations")
    try row.requireAssistant(turns, path: "conversations")
    try row.refuseEmptyAnswers(turns, path: "conversations", key: "value")
    let opened = try row.opened(turns, path: "conversations")
    return .conversation(
      Conversation(
        messages: opened.messages, tools: try row.tools(), weights: opened.weights,
        location: row.location))
  }
}

extension SourceRow {
  /// A list of `{from, value}` objects, which is not empty.
  func shareGPT(_ value: JSONValue, path: String) throws(DataError) -> Turns {
    guard let items = value.array else {
      throw fault(path, "found \(value.kindInWords), expected a list of turns")
    }
    if items.isEmpty { throw fault(path, "the list of turns is empty") }
    var turns = Turns()
    for (index, item) in items.enumerated() {
      let path = "\(path)[\(index)]"
      let (message, weight) = try shareGPTTurn(item, path: path)
      turns.append(message, weight: weight)
    }
    return turns
  }

  /// One `{from, value}` object.
  func shareGPTTurn(
    _ value: JSONValue, path: String
  ) throws(DataError) -> (Message, weight: Double?) {
    guard let fields = value.object else {
      throw fault(path, "found \(value.kindInWords), expected {\"from\": …, \"value\": …}")
    }
    guard let from = fields["from"] else {
      let mend =
        fields["role"] == nil
        ? ""
        : " (`role` and `content` belong to the layout `messages`: name it with"
          + " `layout: messages` and `columns: {messages: conversations}`)"
      throw fault("\(path).from", "the key is missing: found \(Self.list(fields.keys))\(mend)")
    }
    let speaker = try text(from, path: "\(path).from")
    let weight = try weight(fields, path: path)
    if speaker == "function_call" {
      guard let call = fields["value"] else {
        throw fault("\(path).value", "the key is missing: found \(Self.list(fields.keys))")
      }
      let spelt = try text(call, path: "\(path).value")
      let object = try json(spelt, path: "\(path).value")
      let calls = try toolCall(object, path: "\(path).value")
      return (Message(role: .assistant, content: "", toolCalls: [calls]), weight)
    }
    guard let role = Self.shareGPTRoles[speaker] else {
      throw fault(
        "\(path).from",
        "unknown speaker \"\(speaker)\", expected human, gpt, system, tool or function_call")
    }
    return (try message(role: role, fields, contentKey: "value", path: path), weight)
  }

  private static let shareGPTRoles: [String: Message.Role] = [
    "human": .user, "user": .user, "prompter": .user, "gpt": .assistant,
    "assistant": .assistant, "chatgpt": .assistant, "bard": .assistant, "bing": .assistant,
    "model": .assistant, "bot": .assistant, "system": .system, "tool": .tool,
    "observation": .tool, "function_response": .tool,
  ]
}
