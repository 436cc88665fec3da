/// The tokens of words that were met before, so that a common word is merged once and not every
/// time it comes.
///
/// The table never grows: a word takes the place of the one it falls on. Long words and words of
/// many tokens are rare and stay outside.
struct WordCache: Sendable {
  /// A word of at most `longest` bytes as three numbers, its length among them.
  struct Key {
    static let longest = 23

    fileprivate var first: UInt64 = 0
    fileprivate var second: UInt64 = 0
    fileprivate var third: UInt64

    /// The key of `bytes[range]`; nil for an empty or long word.
    @inline(__always)
    init?(_ bytes: [UInt8], _ range: Range<Int>) {
      guard !range.isEmpty, range.count <= Self.longest else { return nil }
      third = UInt64(truncatingIfNeeded: range.count)
      var at = range.lowerBound
      let end = range.upperBound
      while at < end, at < range.lowerBound &+ 8 {
        first = first &<< 8 | UInt64(bytes[at])
        at &+= 1
      }
      while at < end, at < range.lowerBound &+ 16 {
        second = second &<< 8 | UInt64(bytes[at])
        at &+= 1
      }
      while at < end {
        third = third &<< 8 | UInt64(bytes[at])
        at &+= 1
      }
    }

    @inline(__always)
    fileprivate var hash: UInt64 {
      var mixed = (first ^ third &* 0x9FB2_1C65_1E98_DF25) &* 0x9E37_79B9_7F4A_7C15
      mixed = (mixed ^ mixed &>> 32 ^ second) &* 0xD6E8_FEB8_6659_FD93
      return mixed ^ mixed &>> 32
    }
  }

  /// Words of more tokens are not kept.
  private static let mostTokens = 10
  private static let size = 1 << 15

  /// Three numbers of the key, then two tokens a number, zero behind the last. A token is its id
  /// with the place in the word where it ends above it. An entry is one line of the CPU's cache.
  private var entries = [SIMD8<UInt64>](repeating: SIMD8(), count: size)
  private static let idBits: UInt64 = 22

  /// Where the entry of `key` lies if it is one.
  @inline(__always)
  private func place(of key: Key) -> Int {
    Int(truncatingIfNeeded: key.hash & UInt64(Self.size - 1))
  }

  /// Appends the tokens of the word `key`, which begins at `start`; false if it is not known.
  @inline(__always)
  func emit(
    _ key: Key, at start: Int, _ text: AlignedText, _ out: inout [PlacedToken]
  ) -> Bool {
    let entry = entries[place(of: key)]
    guard entry[0] == key.first, entry[1] == key.second, entry[2] == key.third else {
      return false
    }
    var from = start
    @inline(__always)
    func emit(_ pair: UInt64) -> Bool {
      append(pair & 0xFFFF_FFFF)
      guard pair &>> 32 != 0 else { return false }
      append(pair &>> 32)
      return true
    }
    @inline(__always)
    func append(_ token: UInt64) {
      let end = start &+ Int(truncatingIfNeeded: token &>> Self.idBits)
      let id = Int32(truncatingIfNeeded: token & (1 << Self.idBits - 1))
      out.append(text.placed(id, from, end))
      from = end
    }
    _ =
      emit(entry[3]) && entry[4] != 0 && emit(entry[4]) && entry[5] != 0 && emit(entry[5])
      && entry[6] != 0 && emit(entry[6]) && entry[7] != 0 && emit(entry[7])
    return true
  }

  /// Keeps the tokens of the word `key`, unless they are too many.
  mutating func insert(_ key: Key, _ word: MergeWork) {
    guard (1...Self.mostTokens).contains(word.count) else { return }
    var entry = SIMD8(key.first, key.second, key.third, 0, 0, 0, 0, 0)
    for index in 0..<word.count {
      let (id, end) = word.token(index)
      let token = UInt64(end) << Self.idBits | UInt64(UInt32(bitPattern: id))
      entry[3 + index / 2] |= token << UInt64(index % 2 * 32)
    }
    entries[place(of: key)] = entry
  }
}
