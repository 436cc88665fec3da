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

  /// Cuts the pieces of a text further. `isTextStart` says whether they begin the whole input.
  func apply(_ text: inout AlignedText, _ pieces: inout PieceEnds, isTextStart: Bool) {
    switch self {
    case .split(let pattern): pattern.cut(text.bytes, &pieces)
    case .digits(let individual):
      let bytes = text.bytes
      pieces.refine { Self.digitsEnd(bytes, $0, $1, individual) }
    case .byteLevel(let addPrefixSpace, let useRegex):
      if addPrefixSpace { Self.addSpaces(&text, &pieces) }
      if useRegex { SplitPattern.gpt2.cut(text.bytes, &pieces) }
    case .metaspace(let replacement, let prepend, let split):
      Self.markSpaces(&text, &pieces, replacement, prepend, isTextStart)
      guard split else { return }
      let bytes = text.bytes
      pieces.refine { Self.markEnd(bytes, $0, $1, replacement) }
    }
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

  private static func addSpaces(_ text: inout AlignedText, _ pieces: inout PieceEnds) {
    var out = AlignedTextBuilder(text)
    pieces.rewrite { start, end in
      if start < end, text.bytes[start] != 32 { out.put([32], for: start..<start) }
      out.keep(start..<end)
      return out.count
    }
    text = out.finish()
  }

  private static func markSpaces(
    _ text: inout AlignedText, _ pieces: inout PieceEnds, _ mark: [UInt8],
    _ prepend: MetaspacePrepend, _ isTextStart: Bool
  ) {
    var out = AlignedTextBuilder(text)
    var isFirst = isTextStart
    pieces.rewrite { start, end in
      let wants = prepend == .always || (prepend == .first && isFirst)
      isFirst = false
      let hasMark =
        start < end
        && (text.bytes[start] == 32 || text.bytes[start..<end].starts(with: mark))
      if wants, start < end, !hasMark { out.put(mark, for: start..<start) }
      var kept = start
      for index in start..<end where text.bytes[index] == 32 {
        out.keep(kept..<index)
        out.put(mark, for: index..<index + 1)
        kept = index + 1
      }
      out.keep(kept..<end)
      return out.count
    }
    text = out.finish()
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

/// Where the pieces of a text end; each begins where the one before it ends.
struct PieceEnds: Sendable {
  /// Where the first piece begins.
  private(set) var start = 0
  private(set) var ends: [Int] = []
  private var spare: [Int] = []

  /// Makes all of `range` one piece.
  mutating func reset(to range: Range<Int>) {
    start = range.lowerBound
    ends.removeAll(keepingCapacity: true)
    ends.append(range.upperBound)
  }

  /// Cuts each piece; `pieceEnd` gives the end of the first part of what lies between two places.
  @inline(__always)
  mutating func refine(_ pieceEnd: (Int, Int) -> Int) {
    spare.removeAll(keepingCapacity: true)
    var at = start
    for end in ends {
      while at < end {
        at = pieceEnd(at, end)
        spare.append(at)
      }
    }
    swap(&ends, &spare)
  }

  /// Moves the pieces into a text of their own; `write` copies one there and gives its new end.
  @inline(__always)
  mutating func rewrite(_ write: (Int, Int) -> Int) {
    var at = start
    for index in ends.indices {
      let end = ends[index]
      ends[index] = write(at, end)
      at = end
    }
    start = 0
  }
}
