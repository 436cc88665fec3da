/// Turns ids into text one by one, as they are generated.
///
/// A token may end in the middle of a character; its bytes wait until the character is whole.
public struct StreamDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipsSpecial: Bool
  /// Whether the next byte of text is the first and may be a space that no one wrote.
  private var dropsSpace: Bool
  private var pending: [UInt8] = []

  /// A decoder at the start of a text.
  ///
  /// - Parameters:
  ///   - tokenizer: Gives the bytes of each id.
  ///   - skipSpecial: Whether control tokens are left out.
  public init(_ tokenizer: Tokenizer, skipSpecial: Bool = true) {
    self.tokenizer = tokenizer
    skipsSpecial = skipSpecial
    dropsSpace = tokenizer.pipeline.decoders.contains { step in
      switch step {
      case .strip(let content, let start, _): content == [32] && start > 0
      case .metaspace(_, let stripsFirst): stripsFirst
      default: false
      }
    }
  }

  /// Takes the next id.
  ///
  /// - Parameter id: A token id; one without a token adds nothing.
  /// - Returns: The text that became complete; empty while a character is not whole.
  public mutating func append(_ id: Int32) -> String {
    var bytes = tokenizer.bytes(of: id)
    if tokenizer.isSpecial(id), !skipsSpecial, let text = tokenizer.token(id) {
      bytes = Array(text.utf8)
    }
    if dropsSpace, let first = bytes.first {
      dropsSpace = false
      if first == 32 { bytes.removeFirst() }
    }
    pending += bytes
    let complete = pending.count - Self.openTail(pending)
    let text = String(decoding: pending[..<complete], as: UTF8.self)
    pending.removeFirst(complete)
    return text
  }

  /// Ends the text.
  ///
  /// - Returns: U+FFFD for a character that never became whole, else nothing.
  public mutating func finish() -> String {
    let text = String(decoding: pending, as: UTF8.self)
    pending = []
    return text
  }

  /// How many bytes at the end begin a character without ending it.
  private static func openTail(_ bytes: [UInt8]) -> Int {
    for length in 1...3 where length <= bytes.count {
      let byte = bytes[bytes.count - length]
      if byte & 0xC0 == 0x80 { continue }
      return byte >= 0xC2 && byte < 0xF5 && UTF8Text.length(lead: byte) > length ? length : 0
    }
    return 0
  }
}
