import HalterJSON
import HalterTokenizers

/// `{"prompt": …, "responses": ["the best", …, "the worst"]}`: several answers to one prompt, in
/// their order, or with a number each in `scores`, of which a higher one is better.
///
/// The prompt is text or a list of messages; an answer is text, a message, or a list of messages.
public struct RankingLayout: RowLayout {
  /// The layout.
  public init() {}

  /// `ranking`.
  public var name: String { "ranking" }

  /// The prompt, the answers, what they are worth, and a system text beside them.
  public var columns: [String] { ["prompt", "responses", "scores", "system"] }

  /// The shape of a row.
  public var shape: String { #"{"prompt": …, "responses": ["the best", …, "the worst"]}"# }

  /// Whether the row has `prompt` and `responses`.
  public func claims(_ row: SourceRow) -> Bool { row.has("prompt", "responses") }

  /// The answers, the best first.
  public func example(from row: SourceRow) throws(DataError) -> Example {
    let answers = try self.answers(of: row)
    if answers.count < 2 {
      throw row.fault(
        "responses",
        "found \(answers.count == 1 ? "one answer" : "no answer"), expected two or"
          + " more to compare")
    }
    return .ranking(
      RankedAnswers(
        prompt: try prompt(of: row), answers: try ranked(answers, row), location: row.location))
  }

  /// The messages before the answers.
  /// - Throws: `DataError` naming the row.
  public func prompt(of row: SourceRow) throws(DataError) -> [Message] {
    let prompt = try row.prompt(by: self)
    try row.refuseWeights(prompt, path: "prompt")
    try row.refuseTools(in: self)
    if prompt.messages.last?.role == .assistant {
      throw row.fault("prompt", "the last message is the assistant's: nothing asks for an answer")
    }
    return try row.opened(prompt, path: "prompt").messages
  }

  /// The answers in the order of the row, however many.
  /// - Throws: `DataError` naming the row.
  public func answers(of row: SourceRow) throws(DataError) -> [[Message]] {
    let value = try row.required("responses", by: self)
    guard let items = value.array else {
      throw row.fault("responses", "found \(value.kindInWords), expected a list of answers")
    }
    var answers: [[Message]] = []
    for (index, item) in items.enumerated() {
      let turns = try row.answer(item, path: "responses[\(index)]")
      answers.append(turns.messages)
    }
    return answers
  }

  private func ranked(
    _ answers: [[Message]], _ row: SourceRow
  ) throws(DataError) -> [[Message]] {
    guard let value = row["scores"] else { return answers }
    let scores = (value.array.map(Array.init) ?? []).compactMap(\.double)
    guard scores.count == answers.count, scores.allSatisfy(\.isFinite) else {
      throw row.fault(
        "scores", "found \(value.excerpt), expected \(answers.count) numbers, one for each answer")
    }
    guard Set(scores).count == scores.count else {
      throw row.fault(
        "scores", "two answers have the same score, so that none of them is better; leave one out")
    }
    return answers.indices.sorted { scores[$0] > scores[$1] }.map { answers[$0] }
  }
}

extension SourceRow {
  /// One answer: text, a message, or a list of messages that ends with the assistant's, in either
  /// spelling.
  func answer(_ value: JSONValue, path: String) throws(DataError) -> Turns {
    let turns: Turns
    if let text = value.string {
      turns = Turns([Message(role: .assistant, content: text)])
    } else if let fields = value.object {
      let (message, weight) =
        fields["from"] == nil
        ? (try message(fields, path: path), try weight(fields, path: path))
        : try shareGPTTurn(value, path: path)
      turns = Turns(message, weight: weight)
    } else if value.array?.first(where: { _ in true })?.object?["from"] != nil {
      turns = try shareGPT(value, path: path)
    } else {
      turns = try self.turns(value, path: path)
    }
    try refuseWeights(turns, path: path)
    if let last = turns.messages.last, last.role != .assistant {
      throw fault(
        path,
        "the last message has the role \(last.role.rawValue), expected an answer of the"
          + " assistant")
    }
    return turns
  }
}
