/// `{"text": "…"}`: plain text that stands for itself.
///
/// No template is put around it, and every token is learnt. An empty text is counted as a row with
/// nothing to learn.
public struct TextLayout: RowLayout {
  /// The layout.
  public init() {}

  /// `text`.
  public var name: String { "text" }

  /// The one column.
  public var columns: [String] { ["text"] }

  /// The shape of a row.
  public var shape: String { #"{"text": …}"# }

  /// Whether the row has `text` and nothing that another layout would read: sets of instructions
  /// often repeat the whole row in a column of this name.
  public func claims(_ row: SourceRow) -> Bool {
    row.has("text")
      && !["messages", "conversations", "instruction", "prompt", "completion", "chosen"]
        .contains { row.has($0) }
  }

  /// The text.
  public func example(from row: SourceRow) throws(DataError) -> Example {
    .text(
      TextDocument(text: try row.requiredText("text", by: self), location: row.location))
  }
}
