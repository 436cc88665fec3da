/// What became of the rows that were read.
public struct DatasetStatistics: Sendable, Equatable, Codable {
  /// Rows that something happened to, and where the first of them stand.
  public struct Tally: Sendable, Equatable, Codable {
    /// How many places are kept.
    public static let placesKept = 5

    /// How many rows.
    public internal(set) var count = 0
    /// The first few of them.
    public internal(set) var first: [RowLocation] = []

    mutating func add(_ location: RowLocation) {
      count += 1
      if first.count < Self.placesKept { first.append(location) }
    }

    /// `3 (train.jsonl:7, train.jsonl:9, …)`.
    public var summary: String {
      if count == 0 { return "0" }
      let places = first.map(\.description).joined(separator: ", ")
      return "\(count) (\(places)\(count > first.count ? ", …" : ""))"
    }
  }

  /// Rows of a range of lengths.
  public struct LengthBucket: Sendable, Equatable {
    /// Lengths in tokens.
    public let lengths: ClosedRange<Int>
    /// How many rows.
    public let rows: Int
  }

  /// Rows read from the sources.
  public internal(set) var rowsRead = 0
  /// Rows kept.
  public internal(set) var rows = 0
  /// Rows read of each kind, left out or not.
  public internal(set) var kinds: [EncodedExample.Kind: Int] = [:]
  /// Rows left out, by the reason.
  public internal(set) var dropped: [EncodedExample.Drop: Tally] = [:]
  /// Rows that were cut, into one row or several, because they are longer than `max_length`.
  public internal(set) var cut = Tally()
  /// Rows kept that are equal to an earlier one.
  public internal(set) var repeated = Tally()
  /// Rows kept for validation that are among the rows to learn from.
  public internal(set) var alsoTrained = Tally()
  /// Texts that were rewritten for filling in the middle.
  public internal(set) var filledIn = 0
  /// Tokens in the rows kept.
  public internal(set) var tokens = 0
  /// Tokens that carry loss in the rows kept.
  public internal(set) var trainedTokens = 0
  /// The longest row kept, in tokens.
  public internal(set) var longest = 0
  /// The longest row read, kept or not, in tokens.
  public internal(set) var longestRead = 0
  /// Answers in the rows kept of which something is trained.
  public internal(set) var trainedAnswers = 0
  /// Answers in the rows kept that end in a trained stop token.
  public internal(set) var trainedStops = 0

  private var powers = [Int](repeating: 0, count: Int.bitWidth)

  /// Rows kept by length, in buckets 1…16, 17…32, 33…64 and so on; from the first bucket with rows
  /// to the last.
  public var lengthHistogram: [LengthBucket] {
    // No row is longer, whatever a file may say.
    let powers = powers.prefix(Int.bitWidth - 1)
    guard let first = powers.firstIndex(where: { $0 > 0 }),
      let last = powers.lastIndex(where: { $0 > 0 })
    else { return [] }
    return (first...last).map { power in
      let low = power == 4 ? 1 : (1 << (power - 1)) + 1
      return LengthBucket(lengths: low...(1 << power), rows: powers[power])
    }
  }

  /// What is learnt of rows that say more than one answer, what was cut and what was left out and
  /// why, a sentence each.
  public var notes: [String] {
    var notes: [String] = []
    if kinds[.preference] != nil { notes.append("preference pairs: learning the chosen answers") }
    if kinds[.judged] != nil { notes.append("judged answers: learning the good ones") }
    if filledIn > 0 {
      notes.append("rewritten for filling in the middle: \(filledIn) of \(kinds[.text] ?? 0) texts")
    }
    if cut.count > 0 { notes.append("too long, cut: \(cut.summary)") }
    if repeated.count > 0 {
      notes.append(
        "equal to an earlier row, kept: \(repeated.summary); `deduplicate: exact` leaves them out")
    }
    if alsoTrained.count > 0 {
      notes.append(
        "also among the training rows, kept: \(alsoTrained.summary); what is measured on them is"
          + " memory; `deduplicate: exact` leaves them out here")
    }
    return notes
      + EncodedExample.Drop.allCases.compactMap { drop in
        dropped[drop].map { "\(drop.words), left out: \($0.summary)" }
      }
  }

  /// How many rows were left out for a reason, and where the first stand.
  public func dropped(_ reason: EncodedExample.Drop) -> Tally { dropped[reason] ?? Tally() }

  mutating func add(_ encoded: EncodedExample) {
    rowsRead += 1
    kinds[encoded.kind, default: 0] += 1
    longestRead = max(longestRead, encoded.length)
    if let drop = encoded.drop {
      dropped[drop, default: Tally()].add(encoded.location)
      return
    }
    if encoded.isCut { cut.add(encoded.location) }
    if encoded.isFilledIn { filledIn += 1 }
    trainedAnswers += encoded.trainedAnswers
    trainedStops += encoded.trainedStops
    for row in encoded.rows { keep(row) }
  }

  /// Counts a row that is kept though it stands there already.
  mutating func add(_ finding: DuplicateFilter.Finding, at location: RowLocation) {
    switch finding {
    case .new: break
    case .equal, .near: repeated.add(location)
    case .inOtherSet: alsoTrained.add(location)
    }
  }

  mutating func keep(_ row: TokenizedRow) {
    let length = row.tokens.count
    rows += 1
    tokens += length
    trainedTokens += row.trainedTokens
    longest = max(longest, length)
    powers[max(4, Int.bitWidth - (length - 1).leadingZeroBitCount)] += 1
  }
}

extension EncodedExample.Drop {
  /// The reason for a person.
  var words: String {
    switch self {
    case .tooLong: "too long"
    case .untrained: "nothing to train on"
    case .undesirable: "judged bad"
    case .sameAnswers: "both answers the same"
    case .emptyAnswer: "an answer empty"
    case .repeated: "equal to an earlier row"
    case .nearlyRepeated: "nearly equal to an earlier row"
    case .alsoTrained: "also among the training rows"
    }
  }
}
