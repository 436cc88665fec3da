import HalterTokenizers

/// Messages as a row lists them, with what the row says of their weight in the loss.
struct Turns {
  var messages: [Message] = []
  /// One for each message; nil where the row says nothing.
  var weights: [Double?] = []

  init() {}

  /// Messages of whose weight the row says nothing.
  init(_ messages: [Message]) {
    self.messages = messages
    weights = Array(repeating: nil, count: messages.count)
  }

  /// One message.
  init(_ message: Message, weight: Double?) {
    messages = [message]
    weights = [weight]
  }

  mutating func append(_ message: Message, weight: Double?) {
    messages.append(message)
    weights.append(weight)
  }

  static func + (first: Turns, second: Turns) -> Turns {
    var both = first
    both.messages += second.messages
    both.weights += second.weights
    return both
  }
}
