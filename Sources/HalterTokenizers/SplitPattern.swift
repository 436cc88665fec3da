/// A pattern that cuts text into the words on which BPE works.
///
/// The patterns of the known tokenizers are scanners written by hand: a general regex engine is
/// slower by far, and differs in what it takes for a letter.
enum SplitPattern: Sendable, Equatable {
  /// GPT-2 and its kin.
  case gpt2
  /// Llama 3 (numbers in groups of three) and Qwen 2 (single digits).
  case cl100k(digits: Int)
  /// Every character of category N alone.
  case singleNumbers
  /// Runs of at most three characters of category N.
  case tripleNumbers

  /// The regular expression that stands for this pattern in a tokenizer.json.
  var regex: String {
    switch self {
    case .gpt2:
      #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    case .cl100k(let digits):
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"#
        + (digits == 1 ? "" : "{1,\(digits)}")
        + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    case .singleNumbers: #"\p{N}"#
    case .tripleNumbers: #"\p{N}{1,3}"#
    }
  }

  /// The pattern that a tokenizer.json names by `regex`.
  init(regex: String, at path: String) throws(TokenizerError) {
    let known: [SplitPattern] = [
      .gpt2, .cl100k(digits: 3), .cl100k(digits: 1), .singleNumbers, .tripleNumbers,
    ]
    guard let found = known.first(where: { $0.regex == regex }) else {
      throw TokenizerError(
        .unsupported, "the splitting pattern \(regex) is not known", at: path,
        mend: "known are those of GPT-2, Llama 3, Qwen 2 and single or triple numbers")
    }
    self = found
  }

  /// Whether every character belongs to some match, so that keeping only matches drops nothing.
  var coversEverything: Bool {
    switch self {
    case .gpt2, .cl100k: true
    case .singleNumbers, .tripleNumbers: false
    }
  }

  /// Cuts the pieces of a text by this pattern, each as if it were a text of its own.
  func cut(_ bytes: [UInt8], _ pieces: inout PieceEnds) {
    switch self {
    case .gpt2: pieces.refine { Self.gpt2End(bytes, $0, $1) }
    case .cl100k(let digits): pieces.refine { Self.cl100kEnd(bytes, $0, $1, digits) }
    case .singleNumbers: pieces.refine { Self.numbersEnd(bytes, $0, $1, 1) }
    case .tripleNumbers: pieces.refine { Self.numbersEnd(bytes, $0, $1, 3) }
    }
  }

  /// The end of the run of characters of `wanted`, from `start` on.
  @inline(__always)
  private static func runEnd(
    _ wanted: ScalarClass, _ bytes: [UInt8], _ start: Int, _ end: Int, limit: Int = .max
  ) -> Int {
    var at = start
    var left = limit
    while at < end, left > 0 {
      let (found, length) = ScalarClass.at(at, bytes)
      if found != wanted { break }
      at += length
      left -= 1
    }
    return at
  }

  /// The same for any class, without a limit: letters, being most of a text, in a loop of their
  /// own.
  @inline(__always)
  private static func runEnd(
    of wanted: ScalarClass, _ bytes: [UInt8], _ start: Int, _ end: Int
  ) -> Int {
    guard wanted == .letter else { return runEnd(wanted, bytes, start, end) }
    var at = start
    while at < end, ScalarClass.isLetter(ascii: bytes[at]) { at &+= 1 }
    return at < end && bytes[at] >= 0x80 ? runEnd(.letter, bytes, at, end) : at
  }

  /// Whitespace by `\s+(?!\S)|\s+`: all of it at the end of the text, else all but the last.
  private static func spaceEnd(_ bytes: [UInt8], _ start: Int, runEnd: Int, _ end: Int) -> Int {
    if runEnd == end { return runEnd }
    let last = UTF8Text.start(endingAt: runEnd, bytes)
    return last > start ? last : runEnd
  }

  private static func gpt2End(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
    let lead = bytes[start]
    if lead == UInt8(ascii: "'"), let found = contraction(bytes, start, end, anyCase: false) {
      return found
    }
    let (first, length) = ScalarClass.at(start, bytes)
    if first != .space { return runEnd(of: first, bytes, start + length, end) }
    if lead == 32, start + 1 < end {
      let (second, length) = ScalarClass.at(start + 1, bytes)
      if second != .space { return runEnd(of: second, bytes, start + 1 + length, end) }
    }
    let space = runEnd(.space, bytes, start + length, end)
    return spaceEnd(bytes, start, runEnd: space, end)
  }

  private static func cl100kEnd(
    _ bytes: [UInt8], _ start: Int, _ end: Int, _ digits: Int
  ) -> Int {
    let lead = bytes[start]
    if lead == UInt8(ascii: "'"), let found = contraction(bytes, start, end, anyCase: true) {
      return found
    }
    let (first, length) = ScalarClass.at(start, bytes)
    if first == .letter { return runEnd(of: .letter, bytes, start + length, end) }
    if first == .number { return runEnd(.number, bytes, start, end, limit: digits) }
    let second = start + length < end ? ScalarClass.at(start + length, bytes) : nil
    if let second, lead != 10, lead != 13, second.0 == .letter {
      return runEnd(of: .letter, bytes, start + length + second.1, end)
    }
    if first == .other || (lead == 32 && second?.0 == .other) {
      var at = runEnd(.other, bytes, start + length, end)
      while at < end, bytes[at] == 10 || bytes[at] == 13 { at += 1 }
      return at
    }
    let space = runEnd(.space, bytes, start + length, end)
    var at = space
    while at > start, bytes[at - 1] != 10, bytes[at - 1] != 13 { at -= 1 }
    return at > start ? at : spaceEnd(bytes, start, runEnd: space, end)
  }

  private static func numbersEnd(
    _ bytes: [UInt8], _ start: Int, _ end: Int, _ limit: Int
  ) -> Int {
    let numbers = runEnd(.number, bytes, start, end, limit: limit)
    if numbers > start { return numbers }
    var at = start
    while at < end {
      let (found, length) = ScalarClass.at(at, bytes)
      if found == .number { break }
      at += length
    }
    return at
  }

  /// The end of `'s 't 're 've 'm 'll 'd` at `start`, or nil.
  private static func contraction(
    _ bytes: [UInt8], _ start: Int, _ end: Int, anyCase: Bool
  ) -> Int? {
    guard start + 1 < end else { return nil }
    let fold: UInt8 = anyCase ? 0x20 : 0
    let first = bytes[start + 1]
    let second = start + 2 < end ? bytes[start + 2] : 0
    // Ignoring case, U+017F (long s) is an s.
    if anyCase, first == 0xC5, second == 0xBF { return start + 3 }
    // Without `anyCase` the fold is 0; with it, only letters can land on these letters.
    switch first | fold {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
      return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"):
      return second | fold == UInt8(ascii: "e") ? start + 3 : nil
    case UInt8(ascii: "l"):
      return second | fold == UInt8(ascii: "l") ? start + 3 : nil
    default: return nil
    }
  }
}
