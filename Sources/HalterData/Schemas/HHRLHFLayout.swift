import HalterJSON
import HalterTokenizers

/// `{"chosen": "\n\nHuman: …\n\nAssistant: …", "rejected": …}`: pairs of whole transcripts, as in
/// Anthropic's HH-RLHF (Bai et al. 2022).
///
/// A turn begins at `\n\nHuman:` or `\n\nAssistant:`; white space around its text is left away.
/// Turns of one speaker that follow each other are one message, joined by a blank line. The prompt
/// is what both transcripts begin with.
public struct HHRLHFLayout: RowLayout {
  /// The layout.
  public init() {}

  /// `hh-rlhf`.
  public var name: String { "hh-rlhf" }

  /// The two transcripts, and by how much one is preferred, as a number or in words.
  public var columns: [String] { ["chosen", "rejected", "margin", "preference"] }

  /// The shape of a row.
  public var shape: String {
    #"{"chosen": "\n\nHuman: …\n\nAssistant: …", "rejected": …}"#
  }

  /// Whether both sides are texts, the preferred one a transcript, and no column is a prompt.
  public func claims(_ row: SourceRow) -> Bool {
    guard !row.has("prompt"), !row.has("conversations"), row["rejected"]?.isString == true,
      let chosen = row["chosen"]?.string
    else { return false }
    return chosen.hasPrefix(Transcript.human)
  }

  /// The pair.
  public func example(from row: SourceRow) throws(DataError) -> Example {
    let chosen = try transcript("chosen", row)
    let pair = try row.pair(chosen, try transcript("rejected", row))
    return .preference(
      PreferencePair(
        prompt: pair.prompt, chosen: pair.chosen, rejected: pair.rejected,
        margin: try row.margin(), level: row.level, location: row.location))
  }

  private func transcript(_ column: String, _ row: SourceRow) throws(DataError) -> [Message] {
    let text = try row.requiredText(column, by: self)
    let messages = Transcript.messages(text)
    guard let first = messages.first, text.hasPrefix(Transcript.human), first.role == .user else {
      throw row.fault(
        column,
        "found a text that begins with \"\(text.prefix(24))\", expected a transcript that"
          + " begins with \"\\n\\nHuman:\"")
    }
    if messages.last?.role != .assistant {
      throw row.fault(column, "the transcript ends with Human's turn: there is no answer")
    }
    return messages
  }
}

/// The turns of Human and Assistant in a text.
private enum Transcript {
  static let human = "\n\nHuman:"
  static let assistant = "\n\nAssistant:"

  /// The turns from the first marker on, those of one speaker in a row joined.
  static func messages(_ text: String) -> [Message] {
    let bytes = Array(text.utf8)
    let markers = [(Message.Role.user, Array(human.utf8)), (.assistant, Array(assistant.utf8))]
    var messages: [Message] = []
    var role: Message.Role?
    var start = 0
    var at = 0
    func close(_ end: Int) {
      guard let role else { return }
      let said = String(decoding: bytes[start..<end], as: UTF8.self).trimmed
      if let last = messages.indices.last, messages[last].role == role {
        messages[last].content = [messages[last].content, said].filter { !$0.isEmpty }
          .joined(separator: "\n\n")
      } else {
        messages.append(Message(role: role, content: said))
      }
    }
    while at < bytes.count {
      if bytes[at] == 0x0A,
        let marker = markers.first(where: { bytes[at...].starts(with: $0.1) })
      {
        close(at)
        role = marker.0
        start = at + marker.1.count
        at = start
      } else {
        at += 1
      }
    }
    close(bytes.count)
    return messages
  }
}

extension String {
  /// The text without white space at both ends.
  fileprivate var trimmed: String {
    let start = drop(while: \.isWhitespace)
    let end = start.lastIndex { !$0.isWhitespace }
    return end.map { String(start[...$0]) } ?? ""
  }
}
