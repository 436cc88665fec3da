/// A JSON list. Its elements are found by a walk, so there is no subscript.
public struct JSONArray: Sendable, Sequence {
  let tape: JSONTape
  let node: Int

  /// Whether there is no element.
  public var isEmpty: Bool { tape.next(node) == node + 1 }

  /// The number of elements, counted by a walk.
  public var count: Int {
    var (count, at) = (0, node + 1)
    while at < tape.next(node) {
      count += 1
      at = tape.next(at)
    }
    return count
  }

  /// Walks the elements in the order of the text.
  public func makeIterator() -> Iterator {
    Iterator(tape: tape, at: node + 1, end: tape.next(node))
  }

  /// A walk over the elements of a list.
  public struct Iterator: IteratorProtocol {
    let tape: JSONTape
    var at: Int
    let end: Int

    /// The next element, or nil at the end.
    public mutating func next() -> JSONValue? {
      guard at < end else { return nil }
      defer { at = tape.next(at) }
      return JSONValue(tape: tape, node: at)
    }
  }
}
