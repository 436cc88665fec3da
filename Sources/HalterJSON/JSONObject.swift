/// A JSON object with its keys in the order of the text; no key stands twice. A lookup is a walk.
public struct JSONObject: Sendable, Sequence {
  let tape: JSONTape
  let node: Int

  /// A key and its value.
  public struct Member: Sendable {
    let tape: JSONTape
    let node: Int

    /// The key, escapes decoded.
    public var key: String { tape.nodes[node].text(in: tape.bytes) }

    /// The value.
    public var value: JSONValue { JSONValue(tape: tape, node: node + 1) }

    /// Appends the UTF-8 of the key, escapes decoded.
    public func appendKey(to out: inout [UInt8]) {
      tape.nodes[node].appendText(in: tape.bytes, to: &out)
    }
  }

  /// The number of members, counted by a walk.
  public var count: Int {
    var (count, at) = (0, node + 1)
    while at < tape.next(node) {
      count += 1
      at = tape.next(at + 1)
    }
    return count
  }

  /// The keys in the order of the text.
  public var keys: [String] { map(\.key) }

  /// The value of a key, or nil.
  public subscript(key: String) -> JSONValue? {
    var at = node + 1
    while at < tape.next(node) {
      if tape.nodes[at].hasText(key.utf8, in: tape.bytes) {
        return JSONValue(tape: tape, node: at + 1)
      }
      at = tape.next(at + 1)
    }
    return nil
  }

  /// Walks the members in the order of the text.
  public func makeIterator() -> Iterator {
    Iterator(tape: tape, at: node + 1, end: tape.next(node))
  }

  /// A walk over the members of an object.
  public struct Iterator: IteratorProtocol {
    let tape: JSONTape
    var at: Int
    let end: Int

    /// The next member, or nil at the end.
    public mutating func next() -> Member? {
      guard at < end else { return nil }
      defer { at = tape.next(at + 1) }
      return Member(tape: tape, node: at)
    }
  }
}
