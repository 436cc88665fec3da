import HalterJSON
import HalterTokenizers

extension SourceRow {
  /// The calls of a message: `[{"function": {"name": …, "arguments": {…}}, "id": …}]`, or the
  /// same without `function`.
  func toolCalls(_ fields: JSONObject, path: String) throws(DataError) -> [ToolCall] {
    guard let value = fields["tool_calls"], !value.isNull else { return [] }
    let path = "\(path).tool_calls"
    guard let items = value.array else {
      throw fault(path, "found \(value.kindInWords), expected a list of calls")
    }
    var calls: [ToolCall] = []
    for (index, item) in items.enumerated() {
      calls.append(try toolCall(item, path: "\(path)[\(index)]"))
    }
    return calls
  }

  /// One call.
  func toolCall(_ value: JSONValue, path: String) throws(DataError) -> ToolCall {
    guard let outer = value.object else {
      throw fault(
        path, "found \(value.kindInWords), expected {\"name\": …, \"arguments\": {…}}")
    }
    let function = outer["function"]?.object ?? outer
    guard let name = function["name"]?.string, !name.isBlank else {
      throw fault(
        path,
        "the call names no tool: found \(Self.list(function.keys)), expected `name` and"
          + " `arguments`")
    }
    var id: String?
    if let value = outer["id"], !value.isNull { id = try text(value, path: "\(path).id") }
    return ToolCall(
      name: name, arguments: try arguments(function["arguments"], path: "\(path).arguments"),
      id: id)
  }

  /// The arguments of a call: an object, or a text that spells one.
  private func arguments(_ value: JSONValue?, path: String) throws(DataError) -> JSONObject {
    guard let value else {
      throw fault(path, "the key is missing: a call without arguments has {}")
    }
    if let object = value.object { return object }
    guard let text = value.string else {
      throw fault(path, "found \(value.kindInWords), expected an object of arguments")
    }
    return try object(spelling: text, path: path)
  }

  /// The tools of the column `tools`: a list of descriptions, or a text that spells one.
  func tools() throws(DataError) -> [Tool] {
    guard let value = self["tools"] else { return [] }
    var list = value
    if let text = value.string {
      if text.isBlank { return [] }
      list = try json(text, path: "tools")
    }
    guard let items = list.array else {
      throw fault("tools", "found \(list.kindInWords), expected a list of tools")
    }
    var tools: [Tool] = []
    for (index, item) in items.enumerated() {
      guard let description = item.object else {
        throw fault("tools[\(index)]", "found \(item.kindInWords), expected an object")
      }
      tools.append(Tool(description))
    }
    return tools
  }

  /// A text that is to be a JSON object.
  func object(spelling text: String, path: String) throws(DataError) -> JSONObject {
    let value = try json(text, path: path)
    guard let object = value.object else {
      throw fault(path, "the text spells \(value.kindInWords), expected an object {…}")
    }
    return object
  }

  /// The value that a text spells.
  func json(_ text: String, path: String) throws(DataError) -> JSONValue {
    do {
      return try JSONValue(parsing: Array(text.utf8))
    } catch {
      throw fault(path, "the text is not JSON: \(error)")
    }
  }
}
