/// One turn of a conversation.
public struct Message: Sendable, Equatable {
  /// Who speaks.
  public enum Role: String, Sendable, Codable, CaseIterable {
    /// Sets the rules before the conversation.
    case system
    /// Asks.
    case user
    /// Answers; what the model learns.
    case assistant
    /// Gives the result of a tool that the assistant called.
    case tool
  }

  /// Who speaks.
  public var role: Role
  /// What is said; plain text, never parsed for control tokens. For a tool, its result.
  public var content: String
  /// Who of several that share a role speaks, or which tool answers. No template writes it down.
  public var name: String?
  /// The tools that an assistant calls after what it says, in order.
  public var toolCalls: [ToolCall]

  /// A turn of `role` that says `content`.
  public init(role: Role, content: String, name: String? = nil, toolCalls: [ToolCall] = []) {
    self.role = role
    self.content = content
    self.name = name
    self.toolCalls = toolCalls
  }
}

/// A stretch of a rendered conversation that plays one part.
public struct TemplateSpan: Sendable, Equatable {
  /// What a span is for.
  public enum Part: String, Sendable {
    /// Announces the turn; never trained.
    case header
    /// What is said.
    case content
    /// Ends the turn; trained in an assistant's turn, so that the model learns to stop.
    case stop
    /// Stands between turns; never trained.
    case separator
  }

  /// The text of the span.
  public var text: String
  /// Index of the message it belongs to; nil for what the template adds by itself.
  public var messageIndex: Int?
  /// What it is for.
  public var part: Part
  /// Whether `text` is of the template's making and spells control tokens.
  public var isControl: Bool

  /// A span of `text`.
  public init(_ text: String, messageIndex: Int?, part: Part, isControl: Bool = false) {
    self.text = text
    self.messageIndex = messageIndex
    self.part = part
    self.isControl = isControl
  }
}
