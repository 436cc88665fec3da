import HalterTokenizers

/// One row as every layout delivers it: messages, and which of them may be trained on.
public struct Conversation: Sendable, Equatable {
  /// The messages in order.
  public let messages: [Message]
  /// Assistant messages before this index are context and are never trained on.
  public let firstTrained: Int
  /// Where the row stands.
  public let location: RowLocation

  /// A conversation whose assistant messages from `firstTrained` on may be trained on.
  public init(messages: [Message], firstTrained: Int = 0, location: RowLocation) {
    self.messages = messages
    self.firstTrained = firstTrained
    self.location = location
  }
}
