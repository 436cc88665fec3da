/// What a row of several answers to one prompt says beside their tokens: where each of them ends,
/// and how much better the better ones are.
public struct AnswerComparison: Sendable, Equatable {
  /// How many tokens the prompt with each of the answers has, the best answer first, [K]: they
  /// stand one after the other in the row.
  public let lengths: [Int32]
  /// How many tokens all of them begin with: the prompt.
  public let promptLength: Int32
  /// Stands for the prompt: rows with the same one have an equal number.
  public let prompt: UInt64
  /// By how much the first is preferred to the second, where the row says.
  public let margin: Float?
  /// The same in words, where the row says.
  public let level: PreferenceLevel?
  /// Whether each answer is safe, where the row says, [K]; empty where it says nothing.
  public let isSafe: [Bool?]

  /// A comparison of at least two answers.
  public init(
    lengths: [Int32], promptLength: Int32, prompt: UInt64, margin: Float? = nil,
    level: PreferenceLevel? = nil, isSafe: [Bool?] = []
  ) {
    precondition(lengths.count > 1, "AnswerComparison: \(lengths.count) answers")
    precondition(
      isSafe.isEmpty || isSafe.count == lengths.count,
      "AnswerComparison: \(isSafe.count) labels for \(lengths.count) answers")
    self.lengths = lengths
    self.promptLength = promptLength
    self.prompt = prompt
    self.margin = margin
    self.level = level
    self.isSafe = isSafe
  }

  /// The tokens of each answer alone, the best first, [K].
  public var answerLengths: [Int] { lengths.map { Int($0 - promptLength) } }
}
