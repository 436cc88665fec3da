/// Reads JSON text into the nodes of a `JSONTape`, without recursion.
struct JSONTapeReader {
  private enum Expectation {
    case value, valueOrEnd, key, keyOrEnd, commaOrEnd, nothing
  }

  private var at = 0
  private var open: [Int] = []

  mutating func read(
    _ bytes: [UInt8], into nodes: inout [JSONTape.Node]
  ) throws(TokenizerError) {
    var expected = Expectation.value
    while true {
      skipSpace(bytes)
      guard at < bytes.count else {
        guard expected == .nothing else { throw error("the JSON text ends too soon") }
        return
      }
      let byte = bytes[at]
      switch expected {
      case .nothing:
        throw error("there is something after the JSON value")
      case .keyOrEnd where byte == UInt8(ascii: "}"), .valueOrEnd where byte == UInt8(ascii: "]"):
        expected = close(&nodes)
      case .commaOrEnd:
        expected = try afterValue(byte, &nodes)
      case .key, .keyOrEnd:
        guard byte == UInt8(ascii: "\"") else { throw error("expected a key in quotes") }
        try readString(bytes, &nodes)
        skipSpace(bytes)
        guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else {
          throw error("expected ':' after a key")
        }
        at += 1
        expected = .value
      case .value, .valueOrEnd:
        expected = try readValue(bytes, &nodes)
      }
    }
  }

  private func error(_ what: String) -> TokenizerError {
    TokenizerError(.malformed, what, at: "byte \(at)", mend: "fetch the file again")
  }

  private mutating func skipSpace(_ bytes: [UInt8]) {
    while at < bytes.count {
      let byte = bytes[at]
      guard byte == 32 || byte == 10 || byte == 13 || byte == 9 else { return }
      at += 1
    }
  }

  /// Ends the innermost container at the closing bracket under the cursor.
  private mutating func close(_ nodes: inout [JSONTape.Node]) -> Expectation {
    at += 1
    if let container = open.popLast() {
      nodes[container].end = Int32(at)
      nodes[container].next = Int32(nodes.count)
    }
    return open.isEmpty ? .nothing : .commaOrEnd
  }

  private mutating func afterValue(
    _ byte: UInt8, _ nodes: inout [JSONTape.Node]
  ) throws(TokenizerError) -> Expectation {
    guard let container = open.last else { return .nothing }
    let isObject = nodes[container].kind == .object
    if byte == UInt8(ascii: ",") {
      at += 1
      return isObject ? .key : .value
    }
    guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
      throw error("expected ',' or the end of \(isObject ? "an object" : "an array")")
    }
    return close(&nodes)
  }

  private mutating func readValue(
    _ bytes: [UInt8], _ nodes: inout [JSONTape.Node]
  ) throws(TokenizerError) -> Expectation {
    let start = at
    switch bytes[at] {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      let isObject = bytes[at] == UInt8(ascii: "{")
      guard open.count < JSONTape.depthLimit else { throw error("the JSON nests too deeply") }
      open.append(nodes.count)
      at += 1
      append(isObject ? .object : .array, from: start, to: &nodes)
      return isObject ? .keyOrEnd : .valueOrEnd
    case UInt8(ascii: "\""): try readString(bytes, &nodes)
    case UInt8(ascii: "t"): try readWord("true", .true_, bytes, &nodes)
    case UInt8(ascii: "f"): try readWord("false", .false_, bytes, &nodes)
    case UInt8(ascii: "n"): try readWord("null", .null, bytes, &nodes)
    case UInt8(ascii: "-"), 48...57:
      at += 1
      while at < bytes.count, Self.isNumberByte(bytes[at]) { at += 1 }
      guard Double(String(decoding: bytes[start..<at], as: UTF8.self)) != nil else {
        throw error("expected a number")
      }
      append(.number, from: start, to: &nodes)
    default: throw error("expected a JSON value")
    }
    return open.isEmpty ? .nothing : .commaOrEnd
  }

  private static func isNumberByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 48...57, UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"),
      UInt8(ascii: "-"):
      true
    default: false
    }
  }

  private mutating func readWord(
    _ word: StaticString, _ kind: JSONTape.Kind, _ bytes: [UInt8],
    _ nodes: inout [JSONTape.Node]
  ) throws(TokenizerError) {
    let start = at
    let text = Array(word.description.utf8)
    guard bytes.count - at >= text.count, bytes[at..<at + text.count].elementsEqual(text) else {
      throw error("expected \(word)")
    }
    at += text.count
    append(kind, from: start, to: &nodes)
  }

  private mutating func readString(
    _ bytes: [UInt8], _ nodes: inout [JSONTape.Node]
  ) throws(TokenizerError) {
    at += 1
    let start = at
    var escaped = false
    while at < bytes.count {
      let byte = bytes[at]
      if byte == UInt8(ascii: "\"") {
        nodes.append(
          .init(
            kind: .string, escaped: escaped, start: Int32(start), end: Int32(at),
            next: Int32(nodes.count + 1)))
        at += 1
        return
      }
      if byte == UInt8(ascii: "\\") {
        escaped = true
        at += 1
        guard at < bytes.count, Self.isEscape(bytes[at]) else { throw error("unknown escape") }
      } else if byte < 32 {
        throw error("a control character inside a string")
      }
      at += 1
    }
    throw error("a string has no end")
  }

  private static func isEscape(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"),
      UInt8(ascii: "u"):
      true
    default: false
    }
  }

  private func append(
    _ kind: JSONTape.Kind, from start: Int, to nodes: inout [JSONTape.Node]
  ) {
    nodes.append(
      .init(
        kind: kind, escaped: false, start: Int32(start), end: Int32(at),
        next: Int32(nodes.count + 1)))
  }
}
