import HalterJSON
import HalterTokenizers

extension SourceRow {
  /// A list of `{role, content}` objects, which is not empty; each may have `name`, `tool_calls`,
  /// `train` and `weight`.
  func turns(_ value: JSONValue, path: String) throws(DataError) -> Turns {
    guard let items = value.array else {
      throw fault(path, "found \(value.kindInWords), expected a list of messages")
    }
    if items.isEmpty { throw fault(path, "the list of messages is empty") }
    var turns = Turns()
    for (index, item) in items.enumerated() {
      let path = "\(path)[\(index)]"
      guard let fields = item.object else {
        throw fault(path, "found \(item.kindInWords), expected {\"role\": …, \"content\": …}")
      }
      turns.append(try message(fields, path: path), weight: try weight(fields, path: path))
    }
    return turns
  }

  /// One `{role, content}` object.
  func message(_ fields: JSONObject, path: String) throws(DataError) -> Message {
    guard let role = fields["role"] else {
      let mend =
        fields["from"] == nil
        ? ""
        : " (`from` and `value` belong to the layout `sharegpt`, whose column is"
          + " `conversations`)"
      throw fault("\(path).role", "the key is missing: found \(Self.list(fields.keys))\(mend)")
    }
    return try message(
      role: Self.role(try text(role, path: "\(path).role"), row: self, path: "\(path).role"),
      fields, contentKey: "content", path: path)
  }

  /// The rest of a message once its role is known.
  func message(
    role: Message.Role, _ fields: JSONObject, contentKey: String, path: String
  ) throws(DataError) -> Message {
    let calls = try toolCalls(fields, path: path)
    if !calls.isEmpty, role != .assistant {
      throw fault("\(path).tool_calls", "only an assistant calls tools, this is \(role.rawValue)")
    }
    let contentPath = "\(path).\(contentKey)"
    let text: String
    switch fields[contentKey] {
    case let content? where !(content.isNull && !calls.isEmpty):
      text = try self.text(content, path: contentPath)
    case nil where calls.isEmpty:
      throw fault(contentPath, "the key is missing: found \(Self.list(fields.keys))")
    default: text = ""
    }
    var name: String?
    if let value = fields["name"], !value.isNull {
      name = try self.text(value, path: "\(path).name")
    }
    return Message(role: role, content: text, name: name, toolCalls: calls)
  }

  /// How much a message counts in the loss, by its keys `train` and `weight`; nil without them.
  func weight(_ fields: JSONObject, path: String) throws(DataError) -> Double? {
    var trains: Bool?
    if let value = fields["train"], !value.isNull {
      guard let flag = value.bool else {
        throw fault("\(path).train", "found \(value.excerpt), expected true or false")
      }
      trains = flag
    }
    guard let value = fields["weight"], !value.isNull else { return trains.map { $0 ? 1 : 0 } }
    guard let weight = value.double, weight >= 0, Float(weight).isFinite else {
      throw fault("\(path).weight", "found \(value.excerpt), expected a number of 0 or more")
    }
    if let trains, trains != (weight > 0) {
      throw fault(
        "\(path).weight", "`train` is \(trains) and `weight` is \(value.excerpt): keep one of them")
    }
    return weight
  }

  /// Checks that there is an assistant message to train on.
  func requireAssistant(_ turns: Turns, path: String) throws(DataError) {
    if !turns.messages.contains(where: { $0.role == .assistant }) {
      throw fault(path, "no message has the role assistant: there is nothing to learn")
    }
  }

  /// Refuses assistant messages that say nothing and call nothing.
  func refuseEmptyAnswers(_ turns: Turns, path: String, key: String) throws(DataError) {
    if let index = turns.messages.firstIndex(where: { $0.role == .assistant && $0.isEmpty }) {
      throw fault(
        "\(path)[\(index)].\(key)", "an assistant message is empty: there is nothing to learn")
    }
  }

  /// Refuses weights of messages where answers are used whole.
  func refuseWeights(_ turns: Turns, path: String) throws(DataError) {
    if let index = turns.weights.firstIndex(where: { $0 != nil }) {
      throw fault(
        "\(path)[\(index)]",
        "`train` and `weight` have no meaning in this layout: its answers are"
          + " used whole; take them out")
    }
  }

  /// Refuses a column of tools in a layout that does not read it.
  func refuseTools(in layout: any RowLayout) throws(DataError) {
    if has("tools") {
      throw fault(
        "tools", "tools are not read in the layout `\(layout.name)`; take the column out")
    }
  }

  private static func role(
    _ text: String, row: SourceRow, path: String
  ) throws(DataError) -> Message.Role {
    if let role = Message.Role(rawValue: text) { return role }
    let mend = aliases[text.lowercased()].map { "; did you mean `\($0)`?" } ?? ""
    throw row.fault(
      path, "unknown role \"\(text)\", expected system, user, assistant or tool\(mend)")
  }

  /// What others call the roles.
  private static let aliases = [
    "human": "user", "prompter": "user", "gpt": "assistant", "bot": "assistant",
    "ai": "assistant", "model": "assistant", "chatgpt": "assistant", "function": "tool",
    "developer": "system", "user": "user", "assistant": "assistant", "system": "system",
    "tool": "tool",
  ]
}

extension Message {
  /// Whether the message says nothing and calls nothing.
  var isEmpty: Bool { content.isBlank && toolCalls.isEmpty }
}
