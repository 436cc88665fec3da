import Foundation
import Testing

/// Kinds of rows, masks and limits from the recipe to the first step.
@Suite struct LayoutCommandTests {
  private let work: Workshop

  init() throws {
    work = try Workshop()
  }

  private func pretraining(_ data: String) -> String {
    """
    method: pretrain
    model: {base: \(Repository.tiny.path), init: random}
    data: \(data)
    train: {steps: 2, batch_tokens: 64, threads: 1}
    eval: {samples: ["A recipe"], max_new_tokens: 4}
    output: run

    """
  }

  @Test func theStoredRecipeNamesTheLayoutThatWasFound() throws {
    try work.succeeds("run", "tiny.yaml")
    let stored = try work.read("run/recipe.yaml")
    #expect(stored.count(of: "layout: messages") == 2, "\(stored)")
    #expect(stored.contains("# found in the data"), "\(stored)")
    // It says the same as before, so that the run goes on with either.
    try work.succeeds("run", "run/recipe.yaml", "--resume", "run")
  }

  @Test func pretrainingCutsTextsAndAsksForNoTemplate() throws {
    let long = String(repeating: "A recipe says what to train. ", count: 12)
    try work.write(
      "{\"text\": \"\(long)\"}\n{\"text\": \"Short.\"}\n", to: "texts.jsonl")
    try work.write(
      pretraining("{train: texts.jsonl, max_length: 48}"), to: "pretrain.yaml")
    let result = try work.succeeds("run", "pretrain.yaml")
    #expect(result.err.contains("run  pretrain"), "\(result.err)")
    #expect(result.err.contains("rows (text), none for validation"), "\(result.err)")
    #expect(
      result.err.contains("train: too long, cut: 1 (texts.jsonl:1)"), "\(result.err)")
    #expect(result.err.contains("lengths    ≤"), "\(result.err)")
  }

  @Test func pretrainingRefusesConversations() throws {
    try work.write(pretraining("{train: train.jsonl}"), to: "pretrain.yaml")
    try work.fails(
      65, "run", "pretrain.yaml", saying: ["train.jsonl:1: `method: pretrain` learns plain text"])
    #expect(!work.exists("run"))
  }

  @Test func aTokenizerThatCannotFillInIsRefusedByName() throws {
    try work.write(#"{"text": "Short."}"#, to: "texts.jsonl")
    try work.write(
      pretraining("{train: texts.jsonl, fim: {rate: 0.5}}"), to: "pretrain.yaml")
    try work.fails(
      65, "run", "pretrain.yaml",
      saying: ["tiny has no tokens for filling in the middle, looked for"])
  }

  @Test func pairsAndJudgedAnswersSayWhatIsLearnt() throws {
    try work.write(
      #"{"prompt": "a", "chosen": "b", "rejected": "c"}"# + "\n"
        + #"{"prompt": "a", "chosen": "b", "rejected": "b"}"# + "\n", to: "pairs.jsonl")
    try work.write(
      #"{"prompt": "a", "completion": "b", "label": true}"# + "\n"
        + #"{"prompt": "a", "completion": "c", "label": false}"# + "\n", to: "judged.jsonl")
    let result = try work.succeeds(
      "run", "tiny.yaml", "data.train=[pairs.jsonl, judged.jsonl]", "--dry-run")
    for words in [
      "2 rows (preference, kto, messages), 2 more for validation",
      "train: preference pairs: learning the chosen answers",
      "train: judged answers: learning the good ones",
      "train: judged bad, left out: 1 (judged.jsonl:2)",
      "train: both answers the same, left out: 1 (pairs.jsonl:2)",
    ] {
      #expect(result.err.contains(words), "\(result.err)")
    }
  }

  @Test func policiesComeFromTheRecipe() throws {
    func preview(_ override: String, _ other: String = "data.max_length=60") throws -> String {
      try work.succeeds("data", "preview", "tiny.yaml", override, other, "-n", "1", "--quiet").out
    }
    let usual = try preview("data.train_on=assistant")
    let cut = try preview("data.on_overflow=truncate_left", "data.max_length=30")
    #expect(cut.contains("too long, cut: "), "\(cut)")
    #expect(cut.contains("⟦A file that says what to train.<|im_end|>⟧"), "\(cut)")
    let all = try preview("data.train_on=all")
    #expect(all != usual)
    #expect(try preview("data.train_on=last") == usual)
    #expect(try preview("data.train_on=completion") == usual)
  }
}

extension String {
  fileprivate func count(of part: String) -> Int {
    components(separatedBy: part).count - 1
  }
}
