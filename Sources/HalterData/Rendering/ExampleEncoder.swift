import HalterFormats
import HalterTokenizers

/// The one way from an example to the rows that are trained on. A call depends on nothing but the
/// example, so that threads may share an encoder.
///
/// What is learnt: of a conversation the tokens that `TrainOn` and its own weights say; of a text
/// every token; of a preference pair the chosen answer; of a judged answer the good ones. An encoder
/// for comparing keeps all answers to a prompt in one row instead.
public struct ExampleEncoder: Sendable {
  /// The way from messages to tokens; nil where plain text only is learnt.
  public let renderer: PromptRenderer?
  /// What becomes of rows that are too long.
  public let length: LengthPolicy
  /// Whether answers are compared rather than learnt.
  public let compares: Bool
  private let texts: TextEncoder

  /// An encoder for supervised fine-tuning: every kind of example that says what to answer.
  public init(
    renderer: PromptRenderer, length: LengthPolicy = LengthPolicy(),
    fillInTheMiddle: FillInTheMiddle? = nil
  ) {
    self.renderer = renderer
    self.length = length
    compares = false
    texts = TextEncoder(tokenizer: renderer.tokenizer, fillInTheMiddle: fillInTheMiddle)
  }

  /// An encoder for reward models: the answers to a prompt, to be compared.
  /// - Parameter length: the longest prompt with one of its answers.
  public init(comparing renderer: PromptRenderer, length: LengthPolicy = LengthPolicy()) {
    self.renderer = renderer
    self.length = length
    compares = true
    texts = TextEncoder(tokenizer: renderer.tokenizer, fillInTheMiddle: nil)
  }

  /// An encoder for continued pre-training: plain text, without any template.
  public init(
    pretraining tokenizer: Tokenizer, length: LengthPolicy = LengthPolicy(onOverflow: .split),
    fillInTheMiddle: FillInTheMiddle? = nil
  ) {
    renderer = nil
    self.length = length
    compares = false
    texts = TextEncoder(tokenizer: tokenizer, fillInTheMiddle: fillInTheMiddle)
  }

  /// All that the rows of an example follow from, besides the example.
  var keyParts: [TokenCacheKey.Part] {
    var parts = [
      TokenCacheKey.Part(
        name: "tokenizer", title: "the tokenizer",
        value: Checksum.sha256(of: texts.tokenizer.definition)),
      TokenCacheKey.Part(
        name: "method", title: "the method",
        value: compares ? "reward" : renderer == nil ? "pretrain" : "sft"),
      TokenCacheKey.Part(name: "length", title: "max_length or on_overflow", of: length),
    ]
    if let renderer {
      parts += [
        TokenCacheKey.Part(name: "template", title: "the chat template", of: renderer.template),
        TokenCacheKey.Part(name: "train_on", title: "train_on", value: renderer.trainOn.rawValue),
      ]
    }
    if let settings = texts.fillInTheMiddle?.settings {
      parts.append(TokenCacheKey.Part(name: "fim", title: "fim or the seed", of: settings))
    }
    return parts
  }

  /// The tokens that an answer to a sample prompt is generated from: the prompt as a user's message,
  /// or, where plain text only is learnt, the beginning of a text.
  ///
  /// - Throws: `DataError` when the template cannot render it.
  public func prompt(_ text: String) throws(DataError) -> [Int32] {
    guard let renderer else { return texts.beginning(text) }
    return try renderer.prompt(for: [Message(role: .user, content: text)])
  }

  /// The rows of an example.
  ///
  /// - Throws: `DataError` naming the row when the template cannot render it, when it is too long
  ///   where the policy refuses that, and when there is nothing to learn in rows of its kind.
  public func encode(_ example: Example) throws(DataError) -> EncodedExample {
    if compares, let renderer { return try compare(example, renderer) }
    if case .text(let document) = example { return try encode(document) }
    guard let renderer else {
      throw DataError(
        .misfit, at: example.location,
        "`method: pretrain` learns plain text, rows of {\"text\": …}; conversations are learnt with"
          + " `method: sft`")
    }
    switch example {
    case .conversation(let conversation):
      return try encode(conversation, as: .conversation, renderer)
    case .preference(let pair):
      switch pair.flaw {
      case .sameAnswers: return dropped(.sameAnswers, .preference, example)
      case .emptyAnswer: return dropped(.emptyAnswer, .preference, example)
      case nil: return try encode(pair.preferred, as: .preference, renderer)
      }
    case .judged(let answer):
      guard answer.isDesirable else { return dropped(.undesirable, .judged, example) }
      return try encode(answer.conversation, as: .judged, renderer)
    case .ranking:
      throw DataError(
        .misfit, at: example.location,
        "several answers that are ranked are compared, with `method: reward`; here one answer is"
          + " learnt: a column `completion`, or `chosen` and `rejected`")
    case .prompt, .text:
      throw DataError(
        .misfit, at: example.location,
        "a prompt without an answer has nothing that could be learnt; add a column `completion`,"
          + " or keep such rows for evaluation")
    }
  }

  private func dropped(
    _ drop: EncodedExample.Drop, _ kind: EncodedExample.Kind, _ example: Example
  ) -> EncodedExample {
    var encoded = EncodedExample(kind: kind, location: example.location)
    encoded.drop = drop
    return encoded
  }

  func refuse(_ length: Int, over limit: Int, at location: RowLocation) -> DataError {
    DataError(
      .tooLong, at: location,
      "the row has \(length) tokens, `max_length` is \(limit); raise it, or leave such rows"
        + " out with `on_overflow: drop`")
  }

  // MARK: - Conversations

  private func encode(
    _ conversation: Conversation, as kind: EncodedExample.Kind, _ renderer: PromptRenderer
  ) throws(DataError) -> EncodedExample {
    var encoded = EncodedExample(kind: kind, location: conversation.location)
    var row = try renderer.render(conversation)
    encoded.length = row.tokens.count
    if let limit = length.maxLength, row.tokens.count > limit {
      // Half a pair, or a pair with half its prompt, is another pair.
      let policy = kind == .preference && length.onOverflow != .error ? .drop : length.onOverflow
      switch policy {
      case .error: throw refuse(row.tokens.count, over: limit, at: conversation.location)
      case .drop, .split: encoded.drop = .tooLong
      case .truncateTurns:
        if let shorter = try renderer.cuttingTurns(of: conversation, to: limit) {
          row = shorter
        } else {
          encoded.drop = .tooLong
        }
      case .truncateLeft:
        if !row.cutLeft(to: limit, bos: renderer.tokenizer.special.bos) { encoded.drop = .tooLong }
      }
      encoded.isCut = encoded.drop == nil
    }
    if encoded.drop != nil { return encoded }
    let trained = row.row
    if trained.trainedTokens == 0 {
      encoded.drop = .untrained
      encoded.isCut = false
      return encoded
    }
    encoded.rows = [trained]
    (encoded.trainedAnswers, encoded.trainedStops) = row.trainedAnswers(stops: renderer.stops)
    return encoded
  }

  // MARK: - Texts

  private func encode(_ document: TextDocument) throws(DataError) -> EncodedExample {
    var encoded = EncodedExample(kind: .text, location: document.location)
    if document.text.isEmpty {
      encoded.drop = .untrained
      return encoded
    }
    let tokens = try texts.tokens(of: document.text, at: document.location)
    encoded.length = tokens.count
    let limit = length.maxLength ?? Int.max
    // A text that has to be cut, or would have to be once it is rewritten, stays as it is: its
    // parts would not belong together.
    if tokens.count <= limit {
      let rewritten = texts.filledIn(document.text).flatMap { $0.count <= limit ? $0 : nil }
      encoded.isFilledIn = rewritten != nil
      keep([rewritten ?? tokens], of: document, in: &encoded)
      return encoded
    }
    switch length.onOverflow {
    case .error: throw refuse(tokens.count, over: limit, at: document.location)
    case .drop, .truncateTurns: encoded.drop = .tooLong
    case .truncateLeft:
      keep([texts.cutLeft(tokens, to: limit)], of: document, in: &encoded)
      encoded.isCut = true
    case .split:
      keep(Self.split(tokens, into: limit), of: document, in: &encoded)
      encoded.isCut = true
    }
    return encoded
  }

  private func keep(
    _ parts: [[Int32]], of document: TextDocument, in encoded: inout EncodedExample
  ) {
    encoded.rows = parts.map {
      TokenizedRow(
        tokens: $0, lossWeights: Array(repeating: 1, count: $0.count),
        location: document.location)
    }
  }

  /// A text's tokens in rows. Each row begins with the last token of the one before, which carries
  /// no loss there: so every token but the first of all is predicted once.
  private static func split(_ tokens: [Int32], into limit: Int) -> [[Int32]] {
    stride(from: 0, to: tokens.count - 1, by: limit - 1).map { start in
      Array(tokens[start..<min(start + limit, tokens.count)])
    }
  }
}

extension PreferencePair {
  /// The prompt with the preferred answer, which alone is learnt.
  fileprivate var preferred: Conversation {
    Conversation(messages: prompt + chosen, firstTrained: prompt.count, location: location)
  }
}

extension JudgedAnswer {
  /// The prompt with the answer, which alone is learnt.
  fileprivate var conversation: Conversation {
    Conversation(messages: prompt + completion, firstTrained: prompt.count, location: location)
  }
}
