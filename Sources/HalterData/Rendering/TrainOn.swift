/// Which tokens carry loss, where a row does not say it of a message itself.
public enum TrainOn: String, Sendable, CaseIterable {
  /// The assistant's answers with the stop token after each.
  case assistant
  /// The last answer with its stop token.
  case last
  /// Everything from the start of the first answer to the end of the last one: the turns and
  /// headers between them too.
  case completion
  /// Every token.
  case all
}
