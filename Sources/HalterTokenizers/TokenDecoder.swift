/// One step from token texts back to text.
enum TokenDecoder: Sendable, Equatable {
  /// Characters of the GPT-2 alphabet become their bytes.
  case byteLevel
  /// Replaces every occurrence of a text in each token.
  case replace(from: [UInt8], with: [UInt8])
  /// `<0xHH>` tokens become their bytes.
  case byteFallback
  /// All tokens become one.
  case fuse
  /// Takes up to `start` and `stop` copies of a character off the ends of each token.
  case strip(content: [UInt8], start: Int, stop: Int)
  /// The mark becomes a space; the first token loses a leading one if the mark was put there.
  case metaspace(replacement: [UInt8], stripsFirst: Bool)

  /// Rewrites the token texts `pieces`.
  func apply(_ pieces: [[UInt8]]) -> [[UInt8]] {
    switch self {
    case .byteLevel:
      let bytes = pieces.flatMap { ByteAlphabet.decode($0[...]) }
      return [Array(String(decoding: bytes, as: UTF8.self).utf8)]
    case .replace(let from, let with):
      return pieces.map { Normalizer.replace(from, with, AlignedText($0)).bytes }
    case .byteFallback: return Self.joinBytes(pieces)
    case .fuse: return [pieces.flatMap { $0 }]
    case .strip(let content, let start, let stop):
      return pieces.map { Self.strip($0, content, start, stop) }
    case .metaspace(let replacement, let stripsFirst):
      return pieces.enumerated().map { index, piece in
        var text = piece
        if index == 0, stripsFirst, text.starts(with: replacement) {
          text.removeFirst(replacement.count)
        }
        return Normalizer.replace(replacement, [32], AlignedText(text)).bytes
      }
    }
  }

  private static func strip(
    _ piece: [UInt8], _ content: [UInt8], _ start: Int, _ stop: Int
  ) -> [UInt8] {
    guard !content.isEmpty else { return piece }
    var text = piece[...]
    for _ in 0..<max(0, min(start, piece.count)) where text.starts(with: content) {
      text = text.dropFirst(content.count)
    }
    for _ in 0..<max(0, min(stop, piece.count)) where text.suffix(content.count) == content[...] {
      text = text.dropLast(content.count)
    }
    return Array(text)
  }

  /// The byte that a token text of the form `<0xHH>` stands for.
  static func fallbackByte(_ text: some Collection<UInt8>) -> UInt8? {
    guard text.count == 6 else { return nil }
    let text = Array(text)
    guard text.starts(with: Array("<0x".utf8)), text[5] == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: text[3..<5], as: UTF8.self), radix: 16)
  }

  /// Runs of byte tokens become text; in a run that is not UTF-8, every byte becomes U+FFFD.
  private static func joinBytes(_ pieces: [[UInt8]]) -> [[UInt8]] {
    var out: [[UInt8]] = []
    var run: [UInt8] = []
    func flush() {
      guard !run.isEmpty else { return }
      if String(validating: run, as: UTF8.self) != nil {
        out.append(run)
      } else {
        for _ in run { out.append(Array("\u{FFFD}".utf8)) }
      }
      run = []
    }
    for piece in pieces {
      if let byte = fallbackByte(piece) {
        run.append(byte)
      } else {
        flush()
        out.append(piece)
      }
    }
    flush()
    return out
  }
}
