import HalterTokenizers

/// Hashes of every five words that follow each other in a text: the set by whose overlap texts are
/// alike (Broder 1997, "On the resemblance and containment of documents").
///
/// A word is a run of letters and digits, without regard to case in ASCII; a character of a script
/// that is written without spaces is a word of its own. A text of fewer than five words is one
/// shingle.
struct WordShingles {
  private static let length = 5

  private var words: [UInt64] = []
  private(set) var hashes: [UInt64] = []

  /// Adds a text; shingles do not reach from one text into the next.
  mutating func add(_ text: String) {
    words.removeAll(keepingCapacity: true)
    split(Array(text.utf8))
    if words.isEmpty { return }
    let first = min(Self.length, words.count)
    for end in first...words.count {
      var hash: UInt64 = 0
      for word in words[max(0, end - Self.length)..<end] {
        hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 29
      }
      hashes.append(mixed(hash))
    }
  }

  /// Appends the hashes of the words (FNV-1a).
  private mutating func split(_ bytes: [UInt8]) {
    let empty: UInt64 = 0xCBF2_9CE4_8422_2325
    var word = empty
    var isInWord = false
    var at = 0
    func add(_ byte: UInt8) { word = (word ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    func end() {
      if isInWord { words.append(word) }
      word = empty
      isInWord = false
    }
    while at < bytes.count {
      let byte = bytes[at]
      switch byte {
      case 48...57, 97...122:
        add(byte)
        isInWord = true
        at += 1
      case 65...90:
        add(byte | 0x20)
        isInWord = true
        at += 1
      case 0..<0x80:
        end()
        at += 1
      default:
        let width = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        let next = min(at + width, bytes.count)
        let kind = Self.kind(of: bytes[at..<next])
        if kind != .part { end() }
        if kind != .none {
          for byte in bytes[at..<next] { add(byte) }
          isInWord = true
        }
        if kind == .word { end() }
        at = next
      }
    }
    end()
  }

  private enum Kind { case none, part, word }

  /// What a character outside ASCII is: none of a word, a part of one, or one alone.
  private static func kind(of bytes: ArraySlice<UInt8>) -> Kind {
    guard let first = bytes.first, let second = bytes.dropFirst().first else { return .none }
    switch first {
    // Latin punctuation, U+0080 to U+00BF.
    case 0xC2: return .none
    // Punctuation, arrows and symbols, U+2000 to U+2BFF.
    case 0xE2 where second < 0xB0: return .none
    // Ideographic punctuation, U+3000 to U+303F.
    case 0xE3 where second == 0x80: return .none
    // Kana, ideographs, Hangul and all behind the basic plane.
    case 0xE3...0xED, 0xF0...: return .word
    default: return .part
    }
  }
}

/// Spreads the bits of a number (the finaliser of SplitMix64).
func mixed(_ bits: UInt64) -> UInt64 {
  var z = bits
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return z ^ (z >> 31)
}
