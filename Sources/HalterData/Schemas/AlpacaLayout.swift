import HalterJSON
import HalterTokenizers

/// `{"instruction": "…", "input": "…", "output": "…"}`, as in Stanford Alpaca.
///
/// The question is the instruction, followed by a blank line and the input where there is one.
/// `system` is the system text; `history` lists earlier turns, `[["question", "answer"], …]`, whose
/// answers are learnt like the last one. The columns may be empty or null where they are optional.
public struct AlpacaLayout: RowLayout {
  /// The layout.
  public init() {}

  /// `alpaca`.
  public var name: String { "alpaca" }

  /// The columns of Alpaca, and the two that others added.
  public var columns: [String] { ["instruction", "input", "output", "system", "history"] }

  /// The shape of a row.
  public var shape: String { #"{"instruction": …, "input": …, "output": …}"# }

  /// Whether the row has `instruction` and `output`.
  public func claims(_ row: SourceRow) -> Bool { row.has("instruction", "output") }

  /// The turns of the history, the question and the answer.
  public func example(from row: SourceRow) throws(DataError) -> Example {
    let instruction = try row.requiredText("instruction", by: self)
    let output = try row.requiredText("output", by: self)
    let parts = [instruction, try row.optionalText("input") ?? ""].filter { !$0.isBlank }
    if parts.isEmpty { throw row.fault("instruction", "the text is empty") }
    if output.isBlank { throw row.fault("output", "the text is empty: there is nothing to learn") }
    let messages =
      try row.systemMessage() + history(row) + [
        Message(role: .user, content: parts.joined(separator: "\n\n")),
        Message(role: .assistant, content: output),
      ]
    return .conversation(Conversation(messages: messages, location: row.location))
  }

  private func history(_ row: SourceRow) throws(DataError) -> [Message] {
    guard let value = row["history"] else { return [] }
    guard let pairs = value.array else {
      throw row.fault(
        "history", "found \(value.kindInWords), expected a list of [question, answer] pairs")
    }
    var messages: [Message] = []
    for (index, pair) in pairs.enumerated() {
      let path = "history[\(index)]"
      let texts = pair.array.map { $0.compactMap(\.string) } ?? []
      guard texts.count == 2, pair.array?.count == 2 else {
        throw row.fault(path, "expected a question and an answer, [\"…\", \"…\"]")
      }
      if texts[1].isBlank { throw row.fault("\(path)[1]", "the answer is empty") }
      messages.append(Message(role: .user, content: texts[0]))
      messages.append(Message(role: .assistant, content: texts[1]))
    }
    return messages
  }
}
