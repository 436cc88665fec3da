import HalterTokenizers

/// Messages, some of which are learnt.
public struct Conversation: Sendable, Equatable {
  /// The messages in order.
  public let messages: [Message]
  /// The tools that the assistant may call.
  public let tools: [Tool]
  /// Where the completion begins: messages before this index are context, and an answer among them
  /// is learnt only where its own weight says so.
  public let firstTrained: Int
  /// How much each message counts in the loss, where the row says; nil leaves it to `TrainOn`.
  public let weights: [Double?]
  /// Where the row stands.
  public let location: RowLocation

  /// A conversation whose assistant messages from `firstTrained` on may be trained on.
  /// - Parameter weights: one for each message, or none at all.
  public init(
    messages: [Message], tools: [Tool] = [], firstTrained: Int = 0, weights: [Double?] = [],
    location: RowLocation
  ) {
    precondition(
      weights.isEmpty || weights.count == messages.count,
      "Conversation: \(weights.count) weights for \(messages.count) messages")
    self.messages = messages
    self.tools = tools
    self.firstTrained = firstTrained
    self.weights = weights.isEmpty ? Array(repeating: nil, count: messages.count) : weights
    self.location = location
  }
}
