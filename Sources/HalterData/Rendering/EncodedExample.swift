/// What became of an example: the rows to train on, or why there are none.
public struct EncodedExample: Sendable, Equatable {
  /// What kind of example it was.
  public enum Kind: String, Sendable, CaseIterable, Codable, CodingKeyRepresentable {
    /// Messages.
    case conversation
    /// Plain text.
    case text
    /// Two answers, of which the preferred one is learnt.
    case preference
    /// An answer that is judged good or bad.
    case judged
    /// Several answers that are compared.
    case comparison
  }

  /// Why an example gives no row.
  public enum Drop: String, Sendable, CaseIterable, Codable, CodingKeyRepresentable {
    /// It is longer than `max_length`.
    case tooLong
    /// None of its tokens would be trained.
    case untrained
    /// Its answer is judged bad.
    case undesirable
    /// Two of its answers are the same.
    case sameAnswers
    /// One of its answers is empty.
    case emptyAnswer
    /// It is equal to an earlier one.
    case repeated
    /// It is nearly equal to an earlier one.
    case nearlyRepeated
    /// It is among the rows to learn from, and this is validation.
    case alsoTrained
  }

  /// What kind of example it was.
  public let kind: Kind
  /// Where the example stands.
  public let location: RowLocation
  /// The rows: none where the example is dropped, several where it is split.
  public internal(set) var rows: [TokenizedRow] = []
  /// Why there are no rows; nil where there are some.
  public internal(set) var drop: Drop?
  /// The example's length in tokens before any cut.
  public internal(set) var length = 0
  /// Whether the rows are less than the whole example, or several, because it is too long.
  public internal(set) var isCut = false
  /// Whether the text was rewritten for filling in the middle.
  public internal(set) var isFilledIn = false
  /// Answers of which something is trained.
  public internal(set) var trainedAnswers = 0
  /// Answers that end in a trained stop token.
  public internal(set) var trainedStops = 0

  /// Leaves the example out for a reason.
  mutating func leaveOut(_ reason: Drop) {
    drop = reason
    rows = []
    isCut = false
    isFilledIn = false
    trainedAnswers = 0
    trainedStops = 0
  }
}

extension EncodedExample.Drop {
  /// Why a row that stands there already is left out; nil for a new one.
  init?(_ finding: DuplicateFilter.Finding) {
    switch finding {
    case .new: return nil
    case .equal: self = .repeated
    case .near: self = .nearlyRepeated
    case .inOtherSet: self = .alsoTrained
    }
  }
}
