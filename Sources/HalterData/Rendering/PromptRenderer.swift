import HalterTokenizers

/// Which tokens carry loss.
public enum TrainOn: String, Sendable, CaseIterable {
  /// The assistant's answers with the stop token after each.
  case assistant
  /// Every token.
  case all
}

/// The one way from messages to tokens: training, evaluation, samples, `generate` and `chat` all
/// go through here.
///
/// A row begins with exactly the tokens that `prompt(for:)` gives for the messages before an
/// answer, so what was trained is what will be asked. An answer is everything after that prompt up
/// to and including the stop token; this is what carries loss. Masks come from the template's
/// spans, never from searching token ids.
///
/// Text between two special tokens is encoded in one piece, as the checkpoint's own pipeline does,
/// with one exception: where a token would reach across the start of an answer (an answer that
/// begins with a line break), the text is cut there.
public struct PromptRenderer: Sendable {
  /// The tokenizer of the checkpoint.
  public let tokenizer: Tokenizer
  /// The chat template.
  public let template: ChatTemplate
  /// Which tokens carry loss.
  public let trainOn: TrainOn

  /// A renderer for a checkpoint's tokenizer and template.
  public init(tokenizer: Tokenizer, template: ChatTemplate, trainOn: TrainOn = .assistant) {
    self.tokenizer = tokenizer
    self.template = template
    self.trainOn = trainOn
  }

  /// The tokens to generate an answer from: the messages and the header of an assistant message.
  ///
  /// - Throws: `DataError` when the template cannot render the messages.
  public func prompt(for messages: [Message]) throws(DataError) -> [Int32] {
    let nowhere = RowLocation(file: "prompt", line: 1)
    let pieces = try pieces(messages, addGenerationPrompt: true, at: nowhere)
    return try checked(encode(pieces).flatMap(\.self), at: nowhere)
  }

  /// The tokens and loss weights of a conversation.
  ///
  /// - Throws: `DataError` naming the row when the template cannot render the messages.
  public func row(_ conversation: Conversation) throws(DataError) -> TokenizedRow {
    try render(conversation).row
  }

  /// A row, and how many of its answers end in a trained stop token.
  func render(
    _ conversation: Conversation
  ) throws(DataError) -> (row: TokenizedRow, trainedStops: Int) {
    let location = conversation.location
    let pieces = try pieces(conversation.messages, addGenerationPrompt: false, at: location)
    let encoded = encode(pieces)
    var tokens: [Int32] = []
    var weights: [Float] = []
    var trainedStops = 0
    for (piece, ids) in zip(pieces, encoded) {
      let inAnswer = piece.answer.map { $0 >= conversation.firstTrained } ?? false
      tokens += ids
      weights += repeatElement(trainOn == .all || inAnswer ? 1 : 0, count: ids.count)
      if inAnswer, piece.isStop, ids.count == 1 { trainedStops += 1 }
    }
    let row = TokenizedRow(
      tokens: try checked(tokens, at: location), lossWeights: weights, location: location)
    return (row, trainedStops)
  }

  // MARK: - Checks

  /// At most one BOS, and something at all.
  private func checked(
    _ tokens: [Int32], at location: RowLocation
  ) throws(DataError) -> [Int32] {
    if let bos = tokenizer.special.bos, tokens.starts(with: [bos, bos]) {
      throw DataError(
        .misfit, at: location,
        "the rendered text begins with two BOS tokens (id \(bos)): the template adds one and the"
          + " tokenizer another; choose the checkpoint's own template")
    }
    if tokens.isEmpty {
      throw DataError(.misfit, at: location, "the messages render to no token at all")
    }
    return tokens
  }
}
