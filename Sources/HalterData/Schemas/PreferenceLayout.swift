import HalterJSON
import HalterTokenizers

/// `{"prompt": …, "chosen": …, "rejected": …}`: two answers to one prompt, of which the first is
/// preferred.
///
/// The prompt is text, a list of messages, or ShareGPT's `conversations`. The answers are text, a
/// message, or a list of messages, in either spelling. Lists may repeat the whole prompt; without
/// a prompt beside them, it is what both lists begin with. `margin` says by how much the answer is
/// preferred: a number of 0 or more (Touvron et al. 2023, section 3.2.2); `preference` says it in
/// words, as `PreferenceLevel` has them. `chosen_safe` and `rejected_safe` say whether an answer is
/// safe.
public struct PreferenceLayout: RowLayout {
  /// The layout.
  public init() {}

  /// `preference`.
  public var name: String { "preference" }

  /// The answers, what they answer, and by how much one is preferred.
  public var columns: [String] {
    [
      "prompt", "conversations", "chosen", "rejected", "margin", "preference", "chosen_safe",
      "rejected_safe", "system",
    ]
  }

  /// The shape of a row.
  public var shape: String { #"{"prompt": …, "chosen": …, "rejected": …}"# }

  /// Whether the row has two answers that are not whole transcripts.
  public func claims(_ row: SourceRow) -> Bool {
    row.has("chosen", "rejected") && !HHRLHFLayout().claims(row)
  }

  /// The pair.
  public func example(from row: SourceRow) throws(DataError) -> Example {
    let chosen = try side("chosen", row)
    let rejected = try side("rejected", row)
    let margin = try row.margin()
    try row.refuseTools(in: self)
    let pair: PairedMessages
    if let context = try context(row) {
      pair = try row.pair(chosen, rejected, answering: context)
    } else {
      pair = try row.pair(chosen, rejected)
    }
    return .preference(
      PreferencePair(
        prompt: try row.opened(Turns(pair.prompt), path: "prompt").messages, chosen: pair.chosen,
        rejected: pair.rejected, margin: margin, level: row.level,
        isSafe: try row.safety(), location: row.location))
  }

  /// What the answers answer, where a column says it.
  private func context(_ row: SourceRow) throws(DataError) -> [Message]? {
    let path = row.has("prompt") ? "prompt" : "conversations"
    let turns: Turns
    if row.has("prompt") {
      if let other = row["conversations"] {
        throw row.fault(
          "conversations", "found \(other.kindInWords) beside `prompt`: keep one of them")
      }
      turns = try row.prompt(by: self)
    } else if let value = row["conversations"] {
      turns = try row.shareGPT(value, path: path)
    } else {
      return nil
    }
    try row.refuseWeights(turns, path: path)
    if turns.messages.last?.role == .assistant {
      throw row.fault(path, "the last message is the assistant's: nothing asks for an answer")
    }
    return turns.messages
  }

  /// One answer, or a list that ends with one.
  private func side(_ column: String, _ row: SourceRow) throws(DataError) -> [Message] {
    let value = try row.required(column, by: self)
    if value.isString, !row.has("prompt"), !row.has("conversations") {
      throw row.fault(
        column,
        "found text and no `prompt` beside it; transcripts that begin with `Human:` are"
          + " the layout `hh-rlhf`")
    }
    return try row.answer(value, path: column).messages
  }
}

extension SourceRow {
  /// By how much the preferred answer is preferred; nil where the row does not say.
  func margin() throws(DataError) -> Double? {
    guard let value = self["margin"] else { return nil }
    guard let margin = value.double, margin >= 0, Float(margin).isFinite else {
      throw fault("margin", "found \(value.excerpt), expected a number of 0 or more")
    }
    return margin
  }

  /// The same in words; nil where the row says nothing, or something else than such a level.
  var level: PreferenceLevel? {
    self["preference"]?.string.flatMap { PreferenceLevel(words: $0) }
  }

  /// Whether the preferred and the other answer are safe; empty where the row says neither.
  func safety() throws(DataError) -> [Bool?] {
    guard has("chosen_safe") || has("rejected_safe") else { return [] }
    return [try flag("chosen_safe"), try flag("rejected_safe")]
  }

  private func flag(_ column: String) throws(DataError) -> Bool? {
    guard let value = self[column] else { return nil }
    guard let flag = value.bool else {
      throw fault(column, "found \(value.excerpt), expected true or false")
    }
    return flag
  }
}
