/// Collects the spans of a conversation.
struct SpanBuilder {
  private(set) var spans: [TemplateSpan] = []
  private var messageIndex: Int?

  mutating func begin(_ index: Int?) { messageIndex = index }

  mutating func control(_ text: String) { add(text, .header, isControl: true) }

  mutating func header(_ text: String) { add(text, .header) }

  mutating func content(_ text: String) { add(text, .content) }

  mutating func stop(_ text: String, isControl: Bool) { add(text, .stop, isControl: isControl) }

  mutating func separator(_ text: String) { add(text, .separator) }

  /// A tag of the template that many vocabularies have a token for.
  mutating func tag(_ text: String, _ part: TemplateSpan.Part) {
    add(text, part, isControl: true)
  }

  private mutating func add(_ text: String, _ part: TemplateSpan.Part, isControl: Bool = false) {
    spans.append(
      TemplateSpan(text, messageIndex: messageIndex, part: part, isControl: isControl))
  }
}
