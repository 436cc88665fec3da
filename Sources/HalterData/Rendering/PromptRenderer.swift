import HalterTokenizers

/// The one way from messages to tokens: training, evaluation, samples, `generate` and `chat` all
/// go through here.
///
/// A row begins with exactly the tokens that `prompt(for:)` gives for the messages before an
/// answer, so what was trained is what will be asked. An answer is everything after that prompt up
/// to and including the stop token. Loss weights come from the template's spans, never from
/// searching token ids.
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
  let stops: Set<Int32>

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
  public func prompt(
    for messages: [Message], tools: [Tool] = []
  ) throws(DataError) -> [Int32] {
    let location = RowLocation(file: "prompt", line: 1)
    let rendered = try RenderedConversation(
      messages, tools: tools, template: template, addGenerationPrompt: true, at: location)
    return try checked(rendered.encode(with: tokenizer), at: location).map(\.id)
  }

  /// The tokens and loss weights of a conversation.
  ///
  /// - Throws: `DataError` naming the row when the template cannot render the messages.
  public func row(_ conversation: Conversation) throws(DataError) -> TokenizedRow {
    try render(conversation).row
  }

  /// A conversation in tokens, with their places and weights.
  func render(_ conversation: Conversation) throws(DataError) -> RenderedRow {
    let location = conversation.location
    let rendered = try RenderedConversation(
      conversation.messages, tools: conversation.tools, template: template,
      addGenerationPrompt: false, at: location)
    let tokens = try checked(rendered.encode(with: tokenizer), at: location)
    var row = RenderedRow(rendered, tokens: tokens, at: location)
    row.weigh(by: trainOn, conversation)
    return row
  }

  // MARK: - Checks

  /// At most one BOS, and something at all.
  private func checked(
    _ tokens: [TemplateToken], at location: RowLocation
  ) throws(DataError) -> [TemplateToken] {
    if let bos = tokenizer.special.bos, tokens.prefix(2).map(\.id) == [bos, bos] {
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
