import HalterJSON
import HalterTokenizers

/// Writes examples as rows of another layout.
public struct LayoutWriter: Sendable {
  /// The layouts that can be written.
  public enum Target: String, Sendable, CaseIterable {
    /// `{"messages": …}`.
    case messages
    /// `{"conversations": …}`.
    case sharegpt
    /// `{"instruction", "input", "output", "system", "history"}`.
    case alpaca
    /// `{"prompt", "completion"}` as lists of messages.
    case promptCompletion = "prompt-completion"
    /// `{"prompt", "chosen", "rejected"}` as lists of messages.
    case preference
    /// `{"chosen", "rejected"}` as transcripts.
    case hhRLHF = "hh-rlhf"
    /// `{"prompt", "completion", "label"}`.
    case kto
    /// `{"prompt"}`.
    case prompts
    /// `{"text"}`.
    case text
  }

  /// Which answer of a preference pair is written where a row has room for one.
  public enum Side: String, Sendable, CaseIterable {
    /// The preferred one.
    case chosen
    /// The other one.
    case rejected
  }

  private let target: Target
  private let side: Side?

  /// A writer of one layout; without `side`, a pair is refused where one answer is asked for.
  public init(_ target: Target, side: Side? = nil) {
    self.target = target
    self.side = side
  }

  /// The rows that say what an example says: one, or two where a pair becomes two judged answers.
  ///
  /// - Throws: `DataError` naming the row when the layout cannot hold it.
  public func rows(for example: Example) throws(DataError) -> [JSONOutput] {
    switch target {
    case .messages: [try messages(example)]
    case .sharegpt: [try sharegpt(example)]
    case .alpaca: [try alpaca(example)]
    case .promptCompletion: [try promptCompletion(example)]
    case .preference: [try preference(example)]
    case .hhRLHF: [try transcripts(example)]
    case .kto: try judged(example)
    case .prompts: [try prompt(example)]
    case .text: [try text(example)]
    }
  }

  // MARK: - One conversation

  private func messages(_ example: Example) throws(DataError) -> JSONOutput {
    let row = try conversation(example)
    let items = zip(row.messages, row.weights).enumerated().map { index, pair in
      // Context that is never learnt must be marked, the layout itself learns every answer.
      let isContext = pair.0.role == .assistant && index < row.firstTrained
      return Self.message(pair.0, weight: pair.1 ?? (isContext ? 0 : nil))
    }
    return .object([.init("messages", .array(items))] + Self.tools(row))
  }

  private func sharegpt(_ example: Example) throws(DataError) -> JSONOutput {
    let row = try conversation(example)
    try refuseWeights(row)
    try refuseTools(row)
    let turns: [JSONOutput] = row.messages.map { message in
      let from =
        switch message.role {
        case .system: "system"
        case .user: "human"
        case .assistant: "gpt"
        case .tool: "tool"
        }
      return .object([.init("from", .string(from)), .init("value", .string(message.content))])
    }
    return .object([.init("conversations", .array(turns))])
  }

  private func alpaca(_ example: Example) throws(DataError) -> JSONOutput {
    let row = try conversation(example)
    try refuseWeights(row)
    try refuseTools(row)
    var rest = row.messages[...]
    let system = rest.first?.role == .system ? rest.removeFirst().content : nil
    let turns = Array(rest)
    guard !turns.isEmpty, turns.count % 2 == 0,
      turns.enumerated().allSatisfy({ $1.role == ($0 % 2 == 0 ? .user : .assistant) })
    else {
      throw misfit(example, "its turns are not user and assistant in turn")
    }
    let last = turns.count - 2
    var members: [JSONOutput.Member] = [
      .init("instruction", .string(turns[last].content)), .init("input", .string("")),
      .init("output", .string(turns[last + 1].content)),
    ]
    if let system { members.append(.init("system", .string(system))) }
    if last > 0 {
      let history: [JSONOutput] = stride(from: 0, to: last, by: 2).map {
        .array([.string(turns[$0].content), .string(turns[$0 + 1].content)])
      }
      members.append(.init("history", .array(history)))
    }
    return .object(members)
  }

  private func promptCompletion(_ example: Example) throws(DataError) -> JSONOutput {
    let row = try conversation(example)
    guard let last = row.messages.lastIndex(where: { $0.role == .assistant }) else {
      throw misfit(example, "it has no answer")
    }
    let cut = row.firstTrained > 0 ? row.firstTrained : last
    return .object(
      [
        .init("prompt", .array(row.messages[..<cut].map { Self.message($0) })),
        .init("completion", .array(row.messages[cut...].map { Self.message($0) })),
      ] + Self.tools(row))
  }

  private func prompt(_ example: Example) throws(DataError) -> JSONOutput {
    let messages: ArraySlice<Message>
    switch example {
    case .prompt(let row): messages = row.messages[...]
    case .preference(let row): messages = row.prompt[...]
    case .ranking(let row): messages = row.prompt[...]
    case .judged(let row): messages = row.prompt[...]
    case .conversation(let row):
      messages = row.messages[..<(row.messages.lastIndex { $0.role == .assistant } ?? 0)]
    case .text: throw misfit(example, "plain text has no prompt")
    }
    if messages.isEmpty { throw misfit(example, "nothing stands before its answer") }
    return .object([.init("prompt", .array(messages.map { Self.message($0) }))])
  }

  private func text(_ example: Example) throws(DataError) -> JSONOutput {
    guard case .text(let row) = example else {
      throw misfit(
        example, "a template decides how messages become text: halter data preview shows it")
    }
    return .object([.init("text", .string(row.text))])
  }

  // MARK: - Two answers

  private func preference(_ example: Example) throws(DataError) -> JSONOutput {
    let row = try pair(example)
    var members: [JSONOutput.Member] = [
      .init("prompt", .array(row.prompt.map { Self.message($0) })),
      .init("chosen", .array(row.chosen.map { Self.message($0) })),
      .init("rejected", .array(row.rejected.map { Self.message($0) })),
    ]
    if let margin = row.margin { members.append(.init("margin", .number(margin))) }
    if let level = row.level { members.append(.init("preference", .string(level.words))) }
    for (name, isSafe) in zip(["chosen_safe", "rejected_safe"], row.isSafe) {
      if let isSafe { members.append(.init(name, .bool(isSafe))) }
    }
    return .object(members)
  }

  private func transcripts(_ example: Example) throws(DataError) -> JSONOutput {
    let row = try pair(example)
    func transcript(_ answer: [Message]) throws(DataError) -> JSONOutput {
      var text = ""
      for message in row.prompt + answer {
        if !message.toolCalls.isEmpty { throw misfit(example, "a transcript has no tool calls") }
        switch message.role {
        case .user: text += "\n\nHuman: " + message.content
        case .assistant: text += "\n\nAssistant: " + message.content
        case .system, .tool:
          throw misfit(example, "a transcript has no \(message.role.rawValue) message")
        }
      }
      return .string(text)
    }
    var members: [JSONOutput.Member] = [
      .init("chosen", try transcript(row.chosen)), .init("rejected", try transcript(row.rejected)),
    ]
    if let margin = row.margin { members.append(.init("margin", .number(margin))) }
    return .object(members)
  }

  private func judged(_ example: Example) throws(DataError) -> [JSONOutput] {
    func row(_ prompt: [Message], _ completion: [Message], _ label: Bool) -> JSONOutput {
      .object([
        .init("prompt", .array(prompt.map { Self.message($0) })),
        .init("completion", .array(completion.map { Self.message($0) })),
        .init("label", .bool(label)),
      ])
    }
    switch example {
    case .judged(let judged):
      return [row(judged.prompt, judged.completion, judged.isDesirable)]
    case .preference(let pair):
      return [row(pair.prompt, pair.chosen, true), row(pair.prompt, pair.rejected, false)]
    case .conversation, .text, .prompt, .ranking:
      throw misfit(example, "nothing in it says whether its answer is good")
    }
  }

  // MARK: - What an example holds

  private func conversation(_ example: Example) throws(DataError) -> Conversation {
    switch example {
    case .conversation(let row): return row
    case .preference(let row):
      guard let side else {
        throw misfit(example, "it has two answers: say which one with --side chosen or rejected")
      }
      return Conversation(
        messages: row.prompt + (side == .chosen ? row.chosen : row.rejected),
        firstTrained: row.prompt.count, location: row.location)
    case .ranking: throw misfit(example, "it has several answers, whose order would be lost")
    case .judged: throw misfit(example, "its judgement would be lost")
    case .text: throw misfit(example, "plain text has no turns")
    case .prompt: throw misfit(example, "it has no answer")
    }
  }

  private func pair(_ example: Example) throws(DataError) -> PreferencePair {
    guard case .preference(let row) = example else {
      throw misfit(example, "it has no second answer to compare with")
    }
    return row
  }

  private func refuseWeights(_ row: Conversation) throws(DataError) {
    let isContext = row.messages.prefix(row.firstTrained).contains { $0.role == .assistant }
    guard isContext || row.weights.contains(where: { $0 != nil }) else { return }
    throw misfit(
      .conversation(row), "which of its answers are learnt, and how much, would be lost")
  }

  private func refuseTools(_ row: Conversation) throws(DataError) {
    guard !row.tools.isEmpty || row.messages.contains(where: { !$0.toolCalls.isEmpty }) else {
      return
    }
    throw misfit(.conversation(row), "its tools and their calls would be lost")
  }

  private func misfit(_ example: Example, _ reason: String) -> DataError {
    DataError(
      .misfit, at: example.location,
      "the row does not fit the layout \(target.rawValue): \(reason)")
  }

  private static func tools(_ row: Conversation) -> [JSONOutput.Member] {
    row.tools.isEmpty
      ? [] : [.init("tools", .array(row.tools.map { .verbatim($0.line) }))]
  }

  private static func message(_ message: Message, weight: Double? = nil) -> JSONOutput {
    var members: [JSONOutput.Member] = [
      .init("role", .string(message.role.rawValue)), .init("content", .string(message.content)),
    ]
    if let name = message.name { members.append(.init("name", .string(name))) }
    if !message.toolCalls.isEmpty {
      let calls = message.toolCalls.map { call -> JSONOutput in
        let function: [JSONOutput.Member] = [
          .init("name", .string(call.name)), .init("arguments", .verbatim(call.arguments)),
        ]
        let id: [JSONOutput.Member] = call.id.map { [.init("id", .string($0))] } ?? []
        return .object(
          id + [.init("type", .string("function")), .init("function", .object(function))])
      }
      members.append(.init("tool_calls", .array(calls)))
    }
    if let weight { members.append(.init("weight", .number(weight))) }
    return .object(members)
  }
}
