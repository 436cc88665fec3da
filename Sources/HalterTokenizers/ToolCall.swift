import HalterJSON

/// A call of a tool in an assistant's turn.
public struct ToolCall: Sendable, Equatable {
  /// The tool's name.
  public let name: String
  /// The arguments: a JSON object in the spelling of `JSONSpelling`.
  public let arguments: String
  /// What the row calls this call by, so that a result can name it. No template writes it down.
  public let id: String?

  /// A call; `arguments` is a JSON object.
  public init(name: String, arguments: JSONObject, id: String? = nil) {
    self.name = name
    self.arguments = JSONSpelling.line(arguments)
    self.id = id
  }
}

/// A tool that the assistant may call, as the row describes it to the model.
public struct Tool: Sendable, Equatable {
  /// The description on one line.
  public let line: String
  /// The description with a line for each member, indented by four spaces.
  public let indented: String

  /// A tool with a description such as `{"type": "function", "function": {"name": …}}`.
  public init(_ description: JSONObject) {
    line = JSONSpelling.line(description)
    indented = JSONSpelling.indented(description)
  }
}
