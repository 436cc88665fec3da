import HalterFormats
import HalterTokenizers

/// 128 bits that stand for what a row says: equal for rows that say the same, however and wherever
/// they are written.
///
/// They are the first half of the SHA-256 of the roles and texts, with each text's line ends made LF
/// and the white space around it taken off. Two different rows among a thousand million have the
/// same ones with a probability below 10⁻²⁰.
public struct ContentDigest: Sendable, Hashable {
  /// The first 64 bits.
  public let high: UInt64
  /// The other 64 bits.
  public let low: UInt64

  /// The digest with these bits.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The digest of an example. What only says how much the row counts, a margin or a weight, has no
  /// part in it; the judgement of an answer has.
  public init(_ example: Example) {
    var content = Content()
    switch example {
    case .conversation(let row):
      content.add("conversation", row.messages, tools: row.tools)
    case .text(let row):
      content.add("text")
      content.add(row.text)
    case .preference(let row):
      content.add("prompt", row.prompt)
      content.add("chosen", row.chosen)
      content.add("rejected", row.rejected)
    case .ranking(let row):
      content.add("prompt", row.prompt)
      for answer in row.answers { content.add("answer", answer) }
    case .judged(let row):
      content.add("prompt", row.prompt)
      content.add(row.isDesirable ? "good" : "bad", row.completion)
    case .prompt(let row):
      content.add("prompt", row.messages)
    }
    (high, low) = Checksum.sha256Start(of: content.bytes)
  }

  /// The bytes that the digest is made of. Each text follows its length, so that no two rows run
  /// together to the same bytes.
  private struct Content {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ text: String) {
      let text = Array(text.utf8)
      let start = text.firstIndex { !ByteWindow.isSpace($0) } ?? text.endIndex
      let end = text.lastIndex { !ByteWindow.isSpace($0) }.map { $0 + 1 } ?? start
      let place = bytes.count
      // The length is put in when it is known; 32 bits hold that of any row.
      bytes.append(contentsOf: [0, 0, 0, 0])
      for index in start..<end {
        // A CR is left out only in front of its LF.
        if text[index] == 0x0D, index + 1 < end, text[index + 1] == 0x0A { continue }
        bytes.append(text[index])
      }
      let count = UInt32(truncatingIfNeeded: bytes.count - place - 4)
      for byte in 0..<4 { bytes[place + byte] = UInt8(truncatingIfNeeded: count >> (8 * byte)) }
    }

    mutating func add(_ part: String, _ messages: [Message], tools: [Tool] = []) {
      add(part)
      for tool in tools { add(tool.line) }
      for message in messages {
        add(message.role.rawValue)
        add(message.content)
        for call in message.toolCalls {
          add(call.name)
          add(call.arguments)
        }
      }
    }
  }
}
