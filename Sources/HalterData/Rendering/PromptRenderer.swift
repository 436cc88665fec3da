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
  /// The ids of the template's stop tokens; empty when the tokenizer has none of them.
  private let stops: Set<Int32>

  /// A renderer for a checkpoint's tokenizer and template.
  public init(tokenizer: Tokenizer, template: ChatTemplate, trainOn: TrainOn = .assistant) {
    self.tokenizer = tokenizer
    self.template = template
    self.trainOn = trainOn
    let texts = template.stopTokens
    stops = Set(tokenizer.addedTokens.filter { texts.contains($0.content) }.map(\.id))
  }

  /// The tokens to generate an answer from: the messages and the header of an assistant message.
  ///
  /// - Throws: `DataError` when the template cannot render the messages.
  public func prompt(for messages: [Message]) throws(DataError) -> [Int32] {
    let location = RowLocation(file: "prompt", line: 1)
    let rendered = try RenderedConversation(
      messages, template: template, addGenerationPrompt: true, at: location)
    return try checked(rendered.encode(with: tokenizer).map(\.id), at: location)
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
    let rendered = try RenderedConversation(
      conversation.messages, template: template, addGenerationPrompt: false, at: location)
    let tokens = rendered.encode(with: tokenizer)
    let ids = try checked(tokens.map(\.id), at: location)
    var weights = [Float](repeating: trainOn == .all ? 1 : 0, count: tokens.count)
    var trainedStops = 0
    var index = 0
    for answer in rendered.answers where answer.message >= conversation.firstTrained {
      while index < tokens.count, tokens[index].bytes.upperBound <= answer.bytes.lowerBound {
        index += 1
      }
      let first = index
      while index < tokens.count, tokens[index].bytes.lowerBound < answer.bytes.upperBound {
        weights[index] = 1
        index += 1
      }
      if index > max(first, 1), stops.contains(ids[index - 1]) { trainedStops += 1 }
    }
    return (TokenizedRow(tokens: ids, lossWeights: weights, location: location), trainedStops)
  }

  // MARK: - Checks

  /// At most one BOS, and something at all.
  private func checked(
    _ tokens: [Int32], at location: RowLocation
  ) throws(DataError) -> [Int32] {
    if let bos = tokenizer.special.bos, tokens.starts(with: [bos, bos]) {
      throw DataError(
        .misfit, at: location,
        "the rendered text begins with two BOS tokens (id \(bos)); choose the checkpoint's own"
          + " template")
    }
    if tokens.isEmpty {
      throw DataError(.misfit, at: location, "the messages render to no token at all")
    }
    return tokens
  }
}
