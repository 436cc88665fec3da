/// A JSON text and the places of its values in one flat array.
///
/// A tokenizer file holds two hundred thousand short strings; a tree of dictionaries of them costs
/// more than everything else the program does before its first step. Here a value is a place in
/// the text, eight bytes long, and is decoded only where it is used.
final class JSONTape: Sendable {
  /// The text: valid JSON, or nothing but keys and texts one after the other.
  let bytes: [UInt8]
  /// Its values in the order of the text. An object's members are a key and a value each.
  let nodes: [JSONNode]

  init(bytes: [UInt8], nodes: [JSONNode]) {
    self.bytes = bytes
    self.nodes = nodes
  }

  /// The first node after `node` and all that it holds.
  func next(_ node: Int) -> Int { nodes[node].next(after: node) }
}

/// The place of one value in a JSON text.
struct JSONNode: Sendable {
  enum Kind: UInt32, Sendable {
    case null, no, yes, number, string, escapedString, array, object
  }

  /// The longest text whose places fit a node, in bytes.
  static let longestText = 1 << 29

  /// The kind in the low three bits, above them the byte where the value starts: for a string the
  /// one behind its quote.
  private let head: UInt32
  /// For an array or object the index of the first node after it and all that it holds; for the
  /// rest the byte where the value ends, for a string that of its closing quote.
  var end: UInt32

  init(_ kind: Kind, start: Int, end: Int) {
    head = UInt32(start) << 3 | kind.rawValue
    self.end = UInt32(end)
  }

  var kind: Kind { Kind(rawValue: head & 7) ?? .null }
  var start: Int { Int(head >> 3) }

  /// The bytes of a scalar as they stand in the text, of a string without its quotes.
  var range: Range<Int> { start..<Int(end) }

  /// The index of the first node after this one and all that it holds.
  func next(after index: Int) -> Int {
    switch kind {
    case .array, .object: Int(end)
    default: index + 1
    }
  }

  /// Appends the text of a string, escapes decoded.
  func appendText(in bytes: [UInt8], to out: inout [UInt8]) {
    if kind == .escapedString {
      JSONEscape.decode(bytes, range, to: &out)
    } else {
      out.append(contentsOf: bytes[range])
    }
  }

  /// The text of a string, escapes decoded.
  func text(in bytes: [UInt8]) -> String {
    guard kind == .escapedString else { return String(decoding: bytes[range], as: UTF8.self) }
    var out: [UInt8] = []
    out.reserveCapacity(range.count)
    appendText(in: bytes, to: &out)
    return String(decoding: out, as: UTF8.self)
  }

  /// Whether a string has exactly these bytes as its text.
  func hasText(_ text: some Sequence<UInt8>, in bytes: [UInt8]) -> Bool {
    guard kind == .escapedString else { return bytes[range].elementsEqual(text) }
    var out: [UInt8] = []
    appendText(in: bytes, to: &out)
    return out.elementsEqual(text)
  }
}
