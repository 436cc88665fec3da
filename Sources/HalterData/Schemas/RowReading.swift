import HalterJSON
import HalterTokenizers

/// Reads typed parts out of a row; every fault names file, line and path.
struct Row {
  let object: JSONObject
  let location: RowLocation

  /// A required member.
  func member(_ key: String, of layout: any RowLayout) throws(DataError) -> JSONValue {
    if let value = object[key] { return value }
    throw DataError(
      .misfit, at: location,
      "the key `\(key)` is missing: found \(Self.list(object.keys)), expected \(layout.shape)"
        + " (layout `\(layout.name)`)")
  }

  /// A list of `{role, content}` objects; not empty.
  func messages(_ value: JSONValue, path: String) throws(DataError) -> [Message] {
    guard let items = value.array else {
      throw fault(path, "found \(value.kindInWords), expected a list of messages")
    }
    if items.isEmpty { throw fault(path, "the list of messages is empty") }
    var messages: [Message] = []
    for (index, item) in items.enumerated() {
      messages.append(try message(item, path: "\(path)[\(index)]"))
    }
    return messages
  }

  private func message(_ value: JSONValue, path: String) throws(DataError) -> Message {
    guard let fields = value.object else {
      throw fault(
        path, "found \(value.kindInWords), expected {\"role\": …, \"content\": …}")
    }
    for key in Self.meaningful where fields[key]?.isNull == false {
      throw fault(
        "\(path).\(key)",
        "this key would change what is trained and is not supported yet; take it out")
    }
    guard let roleValue = fields["role"] else {
      let mend =
        fields["from"] == nil
        ? "" : " (`from` and `value` are ShareGPT's names for role and content)"
      throw fault("\(path).role", "the key is missing: found \(Self.list(fields.keys))\(mend)")
    }
    guard let roleText = roleValue.string else {
      throw fault("\(path).role", "found \(roleValue.kindInWords), expected text")
    }
    guard let role = Message.Role(rawValue: roleText) else {
      let mend = Self.aliases[roleText.lowercased()].map { "; did you mean `\($0)`?" } ?? ""
      throw fault(
        "\(path).role",
        "unknown role \"\(roleText)\", expected system, user, assistant or tool\(mend)")
    }
    guard let content = fields["content"] else {
      throw fault("\(path).content", "the key is missing: found \(Self.list(fields.keys))")
    }
    let text = try text(content, path: "\(path).content")
    if role == .assistant, text.allSatisfy(\.isWhitespace) {
      throw fault("\(path).content", "an assistant message is empty: there is nothing to learn")
    }
    return Message(role: role, content: text)
  }

  /// Text.
  func text(_ value: JSONValue, path: String) throws(DataError) -> String {
    if let text = value.string { return text }
    throw fault(path, "found \(value.kindInWords), expected text")
  }

  /// Checks that there is an assistant turn to train on.
  func requireAssistant(_ messages: [Message], path: String) throws(DataError) {
    if !messages.contains(where: { $0.role == .assistant }) {
      throw fault(path, "no message has the role assistant: there is nothing to learn")
    }
  }

  /// A fault at a path of this row.
  func fault(_ path: String, _ message: String) -> DataError {
    DataError(.misfit, at: location, path: path, message)
  }

  /// Keys for a message.
  static func list(_ keys: [String]) -> String {
    if keys.isEmpty { return "no keys" }
    let shown = keys.prefix(8).map { "`\($0)`" }.joined(separator: ", ")
    return keys.count > 8 ? shown + ", …" : shown
  }

  /// Keys of a message that must not be ignored silently.
  private static let meaningful = ["tool_calls", "train", "weight"]

  /// What other layouts call the roles.
  private static let aliases = [
    "human": "user", "prompter": "user", "gpt": "assistant", "bot": "assistant",
    "ai": "assistant", "model": "assistant", "chatgpt": "assistant", "function": "tool",
    "developer": "system", "user": "user", "assistant": "assistant", "system": "system",
    "tool": "tool",
  ]
}
