/// One step of cutting text into the words on which BPE works.
enum PreTokenizer: Sendable, Equatable {
  /// Cuts by a pattern and keeps every piece.
  case split(SplitPattern)
  /// Cuts digits off, one by one or in runs.
  case digits(individual: Bool)
  /// Puts a space before a piece that has none, and cuts by the GPT-2 pattern if asked.
  case byteLevel(addPrefixSpace: Bool, useRegex: Bool)
  /// SentencePiece's way: spaces become `replacement`.
  case metaspace(replacement: [UInt8], prepend: MetaspacePrepend, split: Bool)

  /// When Metaspace puts its mark before the text.
  enum MetaspacePrepend: String, Sendable {
    case always, never, first
  }

  /// Cuts `pieces` further. A piece is named by its end; it begins where the one before it ends.
  /// `isTextStart` says whether the text begins the whole input.
  func apply(_ text: inout AlignedText, _ pieces: [Int], isTextStart: Bool) -> [Int] {
    switch self {
    case .split(let pattern):
      return Self.cut(text.bytes, pieces) { pattern.pieceEnd($0, $1, $2) }
    case .digits(let individual):
      return Self.cut(text.bytes, pieces) { Self.digitsEnd($0, $1, $2, individual) }
    case .byteLevel(let addPrefixSpace, let useRegex):
      let pieces = addPrefixSpace ? Self.addSpaces(&text, pieces) : pieces
      guard useRegex else { return pieces }
      return Self.cut(text.bytes, pieces) { SplitPattern.gpt2.pieceEnd($0, $1, $2) }
    case .metaspace(let replacement, let prepend, let split):
      let pieces = Self.markSpaces(&text, pieces, replacement, prepend, isTextStart)
      guard split else { return pieces }
      return Self.cut(text.bytes, pieces) { Self.markEnd($0, $1, $2, replacement) }
    }
  }

  @inline(__always)
  private static func cut(
    _ bytes: [UInt8], _ pieces: [Int], _ pieceEnd: ([UInt8], Int, Int) -> Int
  ) -> [Int] {
    var out: [Int] = []
    out.reserveCapacity(max(pieces.count, bytes.count / 4))
    var start = 0
    for end in pieces {
      while start < end {
        start = pieceEnd(bytes, start, end)
        out.append(start)
      }
    }
    return out
  }

  private static func digitsEnd(
    _ bytes: [UInt8], _ start: Int, _ end: Int, _ individual: Bool
  ) -> Int {
    func numeric(_ at: Int) -> (Bool, Int) {
      let byte = bytes[at]
      if byte < 0x80 { return (byte &- 48 < 10, 1) }
      let (scalar, length) = UTF8Text.scalar(at: at, bytes)
      return (scalar.isNumeric, length)
    }
    let (first, length) = numeric(start)
    var at = start + length
    if first, individual { return at }
    while at < end {
      let (next, length) = numeric(at)
      if next != first { break }
      at += length
    }
    return at
  }

  private static func addSpaces(_ text: inout AlignedText, _ pieces: [Int]) -> [Int] {
    var out = AlignedTextBuilder(text)
    var ends: [Int] = []
    var start = 0
    for end in pieces {
      if start < end, text.bytes[start] != 32 { out.put([32], for: start..<start) }
      out.keep(start..<end)
      ends.append(out.count)
      start = end
    }
    text = out.finish()
    return ends
  }

  private static func markSpaces(
    _ text: inout AlignedText, _ pieces: [Int], _ mark: [UInt8], _ prepend: MetaspacePrepend,
    _ isTextStart: Bool
  ) -> [Int] {
    var out = AlignedTextBuilder(text)
    var ends: [Int] = []
    var start = 0
    for end in pieces {
      let wants = prepend == .always || (prepend == .first && isTextStart && start == 0)
      let hasMark =
        start < end
        && (text.bytes[start] == 32 || text.bytes[start..<end].starts(with: mark))
      if wants, start < end, !hasMark { out.put(mark, for: start..<start) }
      for index in start..<end {
        if text.bytes[index] == 32 {
          out.put(mark, for: index..<index + 1)
        } else {
          out.keep(index..<index + 1)
        }
      }
      ends.append(out.count)
      start = end
    }
    text = out.finish()
    return ends
  }

  /// A mark begins a new piece.
  private static func markEnd(
    _ bytes: [UInt8], _ start: Int, _ end: Int, _ mark: [UInt8]
  ) -> Int {
    var at = start + 1
    while at < end, !bytes[at..<end].starts(with: mark) { at += 1 }
    return at
  }
}
