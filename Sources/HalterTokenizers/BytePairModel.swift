/// Byte pair encoding of one word.
struct BytePairModel: Sendable {
  var tokens: TokenTable
  var merges: MergeTable
  /// Whether words are bytes in the GPT-2 alphabet; else they are text.
  var isByteLevel: Bool
  /// A word that is a token as a whole is not built by merging.
  var ignoresMerges = false
  /// The token for what the vocabulary lacks; without it such characters vanish.
  var unknown: Int32?
  /// Whether neighbouring unknown characters become one token.
  var fusesUnknown = false
  /// Whether a character that the vocabulary lacks becomes its `<0xHH>` bytes.
  var hasByteFallback = false
  /// Token of each single byte in the byte alphabet, -1 for none.
  private(set) var byteSymbols: [Int32] = []
  /// Token `<0xHH>` of each byte, -1 for none.
  private(set) var fallbackSymbols: [Int32] = []
  /// Whether no token goes on with a space mark after something else, so that a text may be cut
  /// there before it is merged: whole texts in one word are slow.
  private var cutsAtMarks = false

  init(tokens: TokenTable, merges: MergeTable, isByteLevel: Bool) {
    self.tokens = tokens
    self.merges = merges
    self.isByteLevel = isByteLevel
    for byte in UInt8.min...UInt8.max {
      let spelt = ByteAlphabet.encode(CollectionOfOne(byte))
      byteSymbols.append(tokens.find(spelt, 0..<spelt.count))
      fallbackSymbols.append(tokens.find(Self.fallbackName(byte)) ?? -1)
    }
    cutsAtMarks =
      !isByteLevel && tokens.find("\u{2581}") != nil
      && (0..<tokens.count).allSatisfy { id in
        guard let text = tokens.text(id).map(Array.init) else { return true }
        return Self.cut(text, 0, text.count) == text.count
      }
  }

  /// How the fallback token of a byte is spelt: `<0x0A>`.
  static func fallbackName(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return byte < 16 ? "<0x0\(digits)>" : "<0x\(digits)>"
  }

  /// Appends the tokens of the word `text.bytes[range]`.
  func encode(
    _ text: AlignedText, _ range: Range<Int>, _ scratch: inout EncodingScratch,
    into out: inout [PlacedToken]
  ) {
    guard cutsAtMarks, !ignoresMerges else { return encodeWord(text, range, &scratch, into: &out) }
    var start = range.lowerBound
    while start < range.upperBound {
      let end = Self.cut(text.bytes, start, range.upperBound)
      encodeWord(text, start..<end, &scratch, into: &out)
      start = end
    }
  }

  /// Where the first mark after something other than a mark begins, or `end`.
  private static func cut(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
    var at = start
    while isMark(bytes, at, end) { at += 3 }
    while at < end, !isMark(bytes, at, end) { at += 1 }
    return at
  }

  /// Whether SentencePiece's mark for a space, U+2581, is at `at`.
  @inline(__always)
  private static func isMark(_ bytes: [UInt8], _ at: Int, _ end: Int) -> Bool {
    at + 3 <= end && bytes[at] == 0xE2 && bytes[at + 1] == 0x96 && bytes[at + 2] == 0x81
  }

  @inline(__always)
  private func encodeWord(
    _ text: AlignedText, _ range: Range<Int>, _ scratch: inout EncodingScratch,
    into out: inout [PlacedToken]
  ) {
    let key = WordCache.Key(text.bytes, range)
    if let key, scratch.words.emit(key, at: range.lowerBound, text, &out) { return }
    merge(text.bytes, range, &scratch.merge)
    if let key { scratch.words.insert(key, scratch.merge) }
    scratch.merge.emit(at: range.lowerBound, text, &out)
  }

  /// Puts the tokens of a word into `work`.
  private func merge(_ bytes: [UInt8], _ range: Range<Int>, _ work: inout MergeWork) {
    work.clear()
    if ignoresMerges {
      let whole = wholeWord(bytes, range)
      if whole >= 0 { return work.append(whole, end: range.count) }
    }
    let start = range.lowerBound
    if isByteLevel {
      for index in range {
        let id = byteSymbols[Int(bytes[index])]
        if id >= 0 {
          work.flushUnknown()
          work.append(id, end: index + 1 - start)
        } else {
          let spelt = ByteAlphabet.encode(CollectionOfOne(bytes[index]))
          addMissing(spelt, 0..<spelt.count, end: index + 1 - start, each: 0, &work)
        }
      }
    } else {
      var at = range.lowerBound
      while at < range.upperBound {
        let end = min(range.upperBound, at + UTF8Text.length(lead: bytes[at]))
        let id = tokens.find(bytes, at..<end)
        if id >= 0 {
          work.flushUnknown()
          work.append(id, end: end - start)
        } else {
          addMissing(bytes, at..<end, end: end - start, each: 1, &work)
        }
        at = end
      }
    }
    work.flushUnknown()
    work.merge(merges)
  }

  /// Stands in for a character without a token. `each` is 1 if a byte token covers one byte of
  /// the text, 0 if all of them come from the one byte before `end`.
  private func addMissing(
    _ bytes: [UInt8], _ range: Range<Int>, end: Int, each: Int, _ work: inout MergeWork
  ) {
    if hasByteFallback, bytes[range].allSatisfy({ fallbackSymbols[Int($0)] >= 0 }) {
      for index in range {
        let after = (range.upperBound - 1 - index) * each
        work.append(fallbackSymbols[Int(bytes[index])], end: end - after)
      }
    } else if let unknown {
      if !fusesUnknown { work.flushUnknown() }
      work.pendUnknown(unknown, end: end)
    }
  }

  private func wholeWord(_ bytes: [UInt8], _ range: Range<Int>) -> Int32 {
    guard isByteLevel else { return tokens.find(bytes, range) }
    let spelt = ByteAlphabet.encode(bytes[range])
    return tokens.find(spelt, 0..<spelt.count)
  }
}
