import HalterTokenizers

/// How much better the preferred answer of a pair is, in the words of Llama 2's annotators
/// (Touvron et al. 2023, section 3.2.1).
public enum PreferenceLevel: Int, Sendable, CaseIterable {
  /// Negligibly better, or unsure.
  case negligibly
  /// Slightly better.
  case slightly
  /// Better.
  case better
  /// Significantly better.
  case significantly

  /// The level in words, as rows have it.
  public var words: String {
    switch self {
    case .negligibly: "negligibly better"
    case .slightly: "slightly better"
    case .better: "better"
    case .significantly: "significantly better"
    }
  }

  /// The level that words mean; nil for other words.
  init?(words: String) {
    let text = words.lowercased().filter { $0.isLetter || $0 == " " }
      .split(separator: " ").joined(separator: " ")
    switch text {
    case "negligibly better", "negligibly better unsure", "negligibly better or unsure", "unsure":
      self = .negligibly
    case "slightly better": self = .slightly
    case "better": self = .better
    case "significantly better": self = .significantly
    default: return nil
    }
  }
}

/// Two answers to one prompt, of which one is preferred.
public struct PreferencePair: Sendable, Equatable {
  /// Why nothing can be learned from a pair.
  public enum Flaw: Sendable, Hashable {
    /// Both answers are the same.
    case sameAnswers
    /// One of the answers is empty.
    case emptyAnswer
  }

  /// The messages before the answers; ends with a message that is not the assistant's.
  public let prompt: [Message]
  /// The preferred answer: one or more messages, the last of them the assistant's.
  public let chosen: [Message]
  /// The other answer.
  public let rejected: [Message]
  /// By how much it is preferred, where the row says (Touvron et al. 2023, section 3.2.2).
  public let margin: Double?
  /// The same in words, where the row says.
  public let level: PreferenceLevel?
  /// Whether the preferred and the other answer are safe, where the row says.
  public let isSafe: [Bool?]
  /// Where the row stands.
  public let location: RowLocation

  /// A pair and its place; `isSafe` has two entries, or none where nothing is known.
  public init(
    prompt: [Message], chosen: [Message], rejected: [Message], margin: Double? = nil,
    level: PreferenceLevel? = nil, isSafe: [Bool?] = [], location: RowLocation
  ) {
    self.prompt = prompt
    self.chosen = chosen
    self.rejected = rejected
    self.margin = margin
    self.level = level
    self.isSafe = isSafe
    self.location = location
  }

  /// Why nothing can be learned from the pair; nil where something can.
  public var flaw: Flaw? { Self.flaw(of: [chosen, rejected]) }

  /// Why nothing can be learned from comparing some answers.
  static func flaw(of answers: [[Message]]) -> Flaw? {
    if answers.joined().contains(where: { $0.role == .assistant && $0.isEmpty }) {
      return .emptyAnswer
    }
    for (index, answer) in answers.enumerated() where answers[..<index].contains(answer) {
      return .sameAnswers
    }
    return nil
  }
}

/// Several answers to one prompt, from the best to the worst.
public struct RankedAnswers: Sendable, Equatable {
  /// The messages before the answers; ends with a message that is not the assistant's.
  public let prompt: [Message]
  /// The answers, the best first: one or more messages each, the last of them the assistant's.
  public let answers: [[Message]]
  /// Where the row stands.
  public let location: RowLocation

  /// Ranked answers and their place.
  public init(prompt: [Message], answers: [[Message]], location: RowLocation) {
    self.prompt = prompt
    self.answers = answers
    self.location = location
  }

  /// Why nothing can be learned from the answers; nil where something can.
  public var flaw: PreferencePair.Flaw? { PreferencePair.flaw(of: answers) }
}
