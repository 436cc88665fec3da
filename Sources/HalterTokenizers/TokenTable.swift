/// The texts of a vocabulary: id to text and text to id.
///
/// All texts lie in one buffer, and the hash table holds ids only, so that fifty thousand tokens
/// cost a handful of allocations.
struct TokenTable: Sendable {
  /// Ids must be below this, so that a hostile file cannot ask for gigabytes.
  static let idLimit = 1 << 22

  private var bytes: [UInt8] = []
  private var starts: [Int32] = []
  /// Byte length of a token's text; -1 for an id without a token.
  private var lengths: [Int32] = []
  /// Open addressing; -1 is an empty slot.
  private var slots: [Int32]
  private var filled = 0

  /// One more than the greatest id.
  var count: Int { lengths.count }

  /// An empty table with room for `capacity` tokens.
  init(capacity: Int) {
    var size = 64
    while size < capacity * 2 { size *= 2 }
    slots = [Int32](repeating: -1, count: size)
    starts.reserveCapacity(capacity)
    lengths.reserveCapacity(capacity)
    bytes.reserveCapacity(capacity * 8)
  }

  /// Adds the token whose text is `text[range]`.
  mutating func insert(_ text: [UInt8], _ range: Range<Int>, id: Int) throws(TokenizerError) {
    guard id >= 0, id < Self.idLimit else {
      throw TokenizerError(
        .malformed, "token id \(id) is outside 0..<\(Self.idLimit)",
        at: String(decoding: text[range], as: UTF8.self))
    }
    while lengths.count <= id {
      lengths.append(-1)
      starts.append(0)
    }
    guard lengths[id] < 0 else {
      throw TokenizerError(.malformed, "two tokens have the id \(id)")
    }
    if (filled + 1) * 2 > slots.count { grow() }
    var slot = Self.hash(text, range) & (slots.count - 1)
    while slots[slot] >= 0 {
      guard !matches(Int(slots[slot]), text, range) else {
        throw TokenizerError(
          .malformed,
          "the token \"\(String(decoding: text[range], as: UTF8.self))\" occurs twice")
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    slots[slot] = Int32(id)
    starts[id] = Int32(bytes.count)
    lengths[id] = Int32(range.count)
    bytes.append(contentsOf: text[range])
    filled += 1
  }

  /// The id of the token whose text is `text[range]`, or -1.
  func find(_ text: [UInt8], _ range: Range<Int>) -> Int32 {
    var slot = Self.hash(text, range) & (slots.count - 1)
    while slots[slot] >= 0 {
      if matches(Int(slots[slot]), text, range) { return slots[slot] }
      slot = (slot + 1) & (slots.count - 1)
    }
    return -1
  }

  /// The id of the token `text`, or nil.
  func find(_ text: String) -> Int32? {
    let bytes = Array(text.utf8)
    let id = find(bytes, 0..<bytes.count)
    return id < 0 ? nil : id
  }

  /// The UTF-8 text of the token `id`; nil if the id has no token.
  func text(_ id: Int) -> ArraySlice<UInt8>? {
    guard id >= 0, id < lengths.count, lengths[id] >= 0 else { return nil }
    return bytes[Int(starts[id])..<Int(starts[id]) + Int(lengths[id])]
  }

  private func matches(_ id: Int, _ text: [UInt8], _ range: Range<Int>) -> Bool {
    guard Int(lengths[id]) == range.count else { return false }
    var at = Int(starts[id])
    for index in range {
      if bytes[at] != text[index] { return false }
      at += 1
    }
    return true
  }

  private mutating func grow() {
    slots = [Int32](repeating: -1, count: slots.count * 2)
    for id in 0..<lengths.count where lengths[id] >= 0 {
      let start = Int(starts[id])
      var slot = Self.hash(bytes, start..<start + Int(lengths[id])) & (slots.count - 1)
      while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = Int32(id)
    }
  }

  private static func hash(_ text: [UInt8], _ range: Range<Int>) -> Int {
    var value: UInt64 = 0xcbf2_9ce4_8422_2325
    for index in range {
      value = (value ^ UInt64(text[index])) &* 0x100_0000_01b3
    }
    value ^= value >> 29
    return Int(truncatingIfNeeded: value)
  }
}
