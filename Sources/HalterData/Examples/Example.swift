import HalterTokenizers

/// One row as its layout understands it, before any template or tokenizer.
public enum Example: Sendable, Equatable {
  /// Messages, some of which are learnt.
  case conversation(Conversation)
  /// Plain text, all of which is learnt.
  case text(TextDocument)
  /// Two answers to one prompt, of which one is preferred.
  case preference(PreferencePair)
  /// Several answers to one prompt, from the best to the worst.
  case ranking(RankedAnswers)
  /// An answer that is judged good or bad (Ethayarajh et al. 2024, KTO).
  case judged(JudgedAnswer)
  /// Messages that ask for an answer.
  case prompt(OpenPrompt)

  /// Where the row stands.
  public var location: RowLocation {
    switch self {
    case .conversation(let row): row.location
    case .text(let row): row.location
    case .preference(let row): row.location
    case .ranking(let row): row.location
    case .judged(let row): row.location
    case .prompt(let row): row.location
    }
  }
}

/// A text that stands for itself: a page of a book, a source file.
public struct TextDocument: Sendable, Equatable {
  /// The text.
  public let text: String
  /// Where the row stands.
  public let location: RowLocation

  /// A text and its place.
  public init(text: String, location: RowLocation) {
    self.text = text
    self.location = location
  }
}

/// An answer that is judged good or bad.
public struct JudgedAnswer: Sendable, Equatable {
  /// The messages before the answer.
  public let prompt: [Message]
  /// The answer.
  public let completion: [Message]
  /// Whether the answer is a good one.
  public let isDesirable: Bool
  /// Where the row stands.
  public let location: RowLocation

  /// An answer, its judgement and its place.
  public init(
    prompt: [Message], completion: [Message], isDesirable: Bool, location: RowLocation
  ) {
    self.prompt = prompt
    self.completion = completion
    self.isDesirable = isDesirable
    self.location = location
  }
}

/// Messages that ask for an answer.
public struct OpenPrompt: Sendable, Equatable {
  /// The messages; the last is not the assistant's.
  public let messages: [Message]
  /// Where the row stands.
  public let location: RowLocation

  /// A prompt and its place.
  public init(messages: [Message], location: RowLocation) {
    self.messages = messages
    self.location = location
  }
}
