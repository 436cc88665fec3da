/// A JSON object with its keys in the order of the text; no key stands twice. A lookup is a walk.
public struct JSONObject: Sendable, Sequence {
  let tape: JSONTape
  let node: Int

  init(tape: JSONTape, node: Int) {
    self.tape = tape
    self.node = node
  }

  /// An object of texts, as the rows of other formats than JSON are.
  ///
  /// - Parameters:
  ///   - keys: the keys, none twice.
  ///   - texts: a text for each, in UTF-8; fewer than 512 MiB in all.
  public init(keys: [String], texts: [ArraySlice<UInt8>]) {
    precondition(
      keys.count == texts.count, "JSONObject: \(keys.count) keys for \(texts.count) texts")
    var bytes: [UInt8] = []
    var nodes = [JSONNode(.object, start: 0, end: 2 * keys.count + 1)]
    bytes.reserveCapacity(texts.reduce(0) { $0 + $1.count } + 16 * keys.count)
    nodes.reserveCapacity(2 * keys.count + 1)
    func append(_ text: some Sequence<UInt8>) {
      let start = bytes.count
      bytes.append(contentsOf: text)
      nodes.append(JSONNode(.string, start: start, end: bytes.count))
    }
    for (key, text) in zip(keys, texts) {
      append(key.utf8)
      append(text)
    }
    precondition(bytes.count < JSONNode.longestText, "JSONObject: \(bytes.count) bytes of text")
    self.init(tape: JSONTape(bytes: bytes, nodes: nodes), node: 0)
  }

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
