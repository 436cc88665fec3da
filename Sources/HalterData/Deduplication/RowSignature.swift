import HalterTokenizers

/// What is remembered of a row to find it again, equal or nearly so; computed of each row alone.
public struct RowSignature: Sendable, Equatable {
  /// What the row says, to the letter.
  let digest: ContentDigest
  /// What the row says, roughly; nil where that was not asked for.
  let likeness: RowLikeness?

  /// The signature of an example, by which rows are recognised as a policy asks for.
  public init(_ example: Example, _ policy: Deduplication) {
    digest = ContentDigest(example)
    likeness = policy == .near ? RowLikeness(example) : nil
  }
}

/// What a row says, roughly.
///
/// A question and its answer are compared apart: another answer to the same question is no
/// repetition, however long the question. The system text, which is often the same in all rows, does
/// not count.
struct RowLikeness: Sendable, Equatable {
  /// The least overlap of two texts that are nearly equal.
  static let threshold = 0.8

  /// Question and answer together.
  let whole: MinHashSketch
  private let question: MinHashSketch
  private let answer: MinHashSketch

  /// The likeness of an example; nil where it has no words.
  init?(_ example: Example) {
    var (question, answer) = (WordShingles(), WordShingles())
    switch example {
    case .conversation(let row):
      let last = row.messages.lastIndex { $0.role == .assistant } ?? row.messages.endIndex
      Self.add(row.messages[..<last], to: &question)
      Self.add(row.messages[last...], to: &answer)
    case .text(let row): answer.add(row.text)
    case .preference(let row):
      Self.add(row.prompt[...], to: &question)
      Self.add(row.chosen[...], to: &answer)
      Self.add(row.rejected[...], to: &answer)
    case .ranking(let row):
      Self.add(row.prompt[...], to: &question)
      for part in row.answers { Self.add(part[...], to: &answer) }
    case .judged(let row):
      Self.add(row.prompt[...], to: &question)
      Self.add(row.completion[...], to: &answer)
    case .prompt(let row): Self.add(row.messages[...], to: &question)
    }
    whole = MinHashSketch(question.hashes + answer.hashes)
    if whole.isEmpty { return nil }
    self.question = MinHashSketch(question.hashes)
    self.answer = MinHashSketch(answer.hashes)
  }

  private static func add(_ messages: ArraySlice<Message>, to shingles: inout WordShingles) {
    for message in messages where message.role != .system {
      shingles.add(message.content)
      for call in message.toolCalls { shingles.add(call.name + " " + call.arguments) }
    }
  }

  /// Whether both rows say nearly the same.
  func isNear(_ other: RowLikeness) -> Bool {
    question.overlap(with: other.question) >= Self.threshold
      && answer.overlap(with: other.answer) >= Self.threshold
  }
}
