/// Finds keys that stand twice in an object.
///
/// Keys are the same when their bytes are, escapes decoded: as for every other reader, and other
/// than for Swift's `String`, composed and decomposed letters differ.
enum JSONKeys {
  /// Checks the object `container`, which is the last of `nodes`.
  static func refuseRepeated(
    in container: Int, of nodes: [JSONNode], _ bytes: [UInt8]
  ) throws(JSONError) {
    var node = container + 1
    // Rows and configurations have a handful of keys, vocabularies a hundred thousand.
    var members = 0
    while node < nodes.count, members < 12 {
      var other = container + 1
      while other < node {
        if isSame(nodes[other], nodes[node], bytes) { throw repeated(nodes[node], bytes) }
        other = nodes[other + 1].next(after: other + 1)
      }
      members += 1
      node = nodes[node + 1].next(after: node + 1)
    }
    guard node < nodes.count else { return }
    var table = KeyTable(capacity: (nodes.count - container) / 2)
    node = container + 1
    while node < nodes.count {
      guard table.insert(node, nodes, bytes) else { throw repeated(nodes[node], bytes) }
      node = nodes[node + 1].next(after: node + 1)
    }
  }

  private static func repeated(_ key: JSONNode, _ bytes: [UInt8]) -> JSONError {
    JSONError(
      offset: key.start - 1,
      message: "the key \"\(key.text(in: bytes).prefix(80))\" stands twice in an object")
  }

  fileprivate static func isSame(_ a: JSONNode, _ b: JSONNode, _ bytes: [UInt8]) -> Bool {
    if a.kind == .string, b.kind == .string {
      let (first, second) = (a.range, b.range)
      guard first.count == second.count else { return false }
      for place in 0..<first.count
      where bytes[first.lowerBound + place] != bytes[second.lowerBound + place] {
        return false
      }
      return true
    }
    var text: [UInt8] = []
    b.appendText(in: bytes, to: &text)
    return a.hasText(text, in: bytes)
  }
}

/// A set of keys in open addressing.
private struct KeyTable {
  /// Nodes of keys; 0, which is never one, where the slot is free.
  private var slots: [UInt32]

  init(capacity: Int) {
    var count = 64
    while count < 2 * capacity { count *= 2 }
    slots = [UInt32](repeating: 0, count: count)
  }

  /// Adds a key; false if it is there already.
  mutating func insert(_ key: Int, _ nodes: [JSONNode], _ bytes: [UInt8]) -> Bool {
    let mask = slots.count - 1
    var slot = hash(nodes[key], bytes) & mask
    while slots[slot] != 0 {
      if JSONKeys.isSame(nodes[Int(slots[slot])], nodes[key], bytes) { return false }
      slot = (slot + 1) & mask
    }
    slots[slot] = UInt32(key)
    return true
  }

  /// The library's hash, whose key differs from run to run: no file can be made of collisions.
  private func hash(_ key: JSONNode, _ bytes: [UInt8]) -> Int {
    guard key.kind == .escapedString else { return hash(bytes[key.range]) }
    var text: [UInt8] = []
    key.appendText(in: bytes, to: &text)
    return hash(text[...])
  }

  private func hash(_ bytes: ArraySlice<UInt8>) -> Int {
    var hasher = Hasher()
    var word = UInt64(truncatingIfNeeded: bytes.count)
    var filled = 1
    for byte in bytes {
      word = word << 8 | UInt64(byte)
      filled += 1
      if filled == 8 {
        hasher.combine(word)
        (word, filled) = (0, 0)
      }
    }
    hasher.combine(word)
    return hasher.finalize()
  }
}
