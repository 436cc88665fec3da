import HalterFormats
import HalterTokenizers

/// What became of an example: the rows to train on, or why there are none.
public struct EncodedExample: Sendable, Equatable {
  /// Why an example gives no row.
  public enum Drop: Sendable, Equatable {
    /// It is longer than `max_length`.
    case tooLong
    /// None of its tokens would be trained.
    case untrained
  }

  /// The rows: none where the example is dropped, several where it is split.
  public var rows: [TokenizedRow]
  /// Why there are no rows; nil where there are some.
  public var drop: Drop?
  /// The example's length in tokens before any cut.
  public var length: Int
  /// Answers that end in a trained stop token.
  public var trainedStops: Int
  /// Where the example stands.
  public var location: RowLocation
}

/// The one way from an example to the rows that are trained on. A call depends on nothing but the
/// example, so that threads may share an encoder.
public struct ExampleEncoder: Sendable {
  /// The way from messages to tokens.
  public let renderer: PromptRenderer
  /// What becomes of rows that are too long.
  public let length: LengthPolicy

  /// An encoder.
  public init(renderer: PromptRenderer, length: LengthPolicy = LengthPolicy()) {
    self.renderer = renderer
    self.length = length
  }

  /// All that the rows of an example follow from, besides the example.
  var keyParts: [TokenCacheKey.Part] {
    [
      TokenCacheKey.Part(
        name: "tokenizer", title: "the tokenizer",
        value: Checksum.sha256(of: renderer.tokenizer.definition)),
      TokenCacheKey.Part(name: "template", title: "the chat template", of: renderer.template),
      TokenCacheKey.Part(name: "train_on", title: "train_on", value: renderer.trainOn.rawValue),
      TokenCacheKey.Part(name: "length", title: "max_length or on_overflow", of: length),
    ]
  }

  /// The rows of an example.
  ///
  /// - Throws: `DataError` naming the row when the template cannot render it, and when it is too
  ///   long where the policy refuses that.
  public func encode(_ example: Example) throws(DataError) -> EncodedExample {
    guard case .conversation(let conversation) = example else {
      throw DataError(
        .misfit, at: example.location, "a row of this layout has nothing that could be learnt")
    }
    let (row, stops) = try renderer.render(conversation)
    let count = row.tokens.count
    var encoded = EncodedExample(
      rows: [], length: count, trainedStops: 0, location: row.location)
    if let limit = length.maxLength, count > limit {
      if length.onOverflow == .error {
        throw DataError(
          .tooLong, at: row.location,
          "the row has \(count) tokens, `max_length` is \(limit); raise it, or leave such rows"
            + " out with `on_overflow: drop`")
      }
      encoded.drop = .tooLong
    } else if row.trainedTokens == 0 {
      encoded.drop = .untrained
    } else {
      encoded.rows = [row]
      encoded.trainedStops = stops
    }
    return encoded
  }
}
