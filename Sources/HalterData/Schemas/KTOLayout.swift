import HalterJSON
import HalterTokenizers

/// `{"prompt": "…", "completion": "…", "label": true}`: an answer and whether it is a good one
/// (Ethayarajh et al. 2024, "KTO: Model Alignment as Prospect Theoretic Optimization").
///
/// Prompt and completion are text or lists of messages, as in `prompt-completion`.
public struct KTOLayout: RowLayout {
  /// The layout.
  public init() {}

  /// `kto`.
  public var name: String { "kto" }

  /// The two sides, the judgement, and a system text beside them.
  public var columns: [String] { ["prompt", "completion", "label", "system"] }

  /// The shape of a row.
  public var shape: String { #"{"prompt": …, "completion": …, "label": true}"# }

  /// Whether the row has `prompt`, `completion` and `label`.
  public func claims(_ row: SourceRow) -> Bool { row.has("prompt", "completion", "label") }

  /// The answer and its judgement.
  public func example(from row: SourceRow) throws(DataError) -> Example {
    let prompt = try row.prompt(by: self)
    let completion = try row.completion(by: self)
    let label = try row.required("label", by: self)
    guard let isDesirable = label.bool else {
      throw row.fault("label", "found \(label.excerpt), expected true or false")
    }
    try row.refuseTools(in: self)
    for (turns, path) in [(prompt, "prompt"), (completion, "completion")] {
      try row.refuseWeights(turns, path: path)
    }
    return .judged(
      JudgedAnswer(
        prompt: try row.opened(prompt, path: "prompt").messages, completion: completion.messages,
        isDesirable: isDesirable, location: row.location))
  }
}
