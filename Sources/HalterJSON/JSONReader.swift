/// Reads JSON text (RFC 8259) into the nodes of a `JSONTape`, without recursion.
struct JSONReader {
  /// Arrays and objects may be nested this deep.
  static let depthLimit = 128

  private enum Expectation {
    case value, valueOrEnd, key, keyOrEnd, commaOrEnd, nothing
  }

  private let bytes: [UInt8]
  private var at = 0
  private var nodes: [JSONNode] = []
  /// The containers around the cursor, the innermost last.
  private var open: [Int] = []

  private init(_ bytes: [UInt8]) {
    self.bytes = bytes
    nodes.reserveCapacity(bytes.count / 14 + 1)
  }

  /// Reads all of `bytes`, which must be one JSON value.
  static func read(_ bytes: [UInt8]) throws(JSONError) -> JSONTape {
    guard bytes.count < JSONNode.longestText else {
      throw JSONError(
        offset: 0,
        message: "the text has \(bytes.count) bytes; at most \(JSONNode.longestText) can be read")
    }
    var reader = JSONReader(bytes)
    try reader.run()
    return JSONTape(bytes: bytes, nodes: reader.nodes)
  }

  private mutating func run() throws(JSONError) {
    var expected = Expectation.value
    while true {
      skipSpace()
      guard at < bytes.count else {
        guard expected == .nothing else { throw self.expected(words(for: expected)) }
        return
      }
      let byte = bytes[at]
      switch expected {
      case .nothing:
        throw fault("found \(Self.describe(byte)) after the end of the value")
      case .keyOrEnd where byte == UInt8(ascii: "}"), .valueOrEnd where byte == UInt8(ascii: "]"):
        expected = try close()
      case .commaOrEnd:
        expected = try afterValue(byte)
      case .key, .keyOrEnd:
        try readKey()
        expected = .value
      case .value, .valueOrEnd:
        expected = try readValue(byte)
      }
    }
  }

  private mutating func skipSpace() {
    while at < bytes.count {
      let byte = bytes[at]
      guard byte == 32 || byte == 10 || byte == 13 || byte == 9 else { return }
      at += 1
    }
  }

  // MARK: - Containers

  private mutating func readKey() throws(JSONError) {
    guard bytes[at] == UInt8(ascii: "\"") else { throw expected(words(for: .key)) }
    let key = nodes.count
    try readString()
    skipSpace()
    guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else {
      throw expected("\":\" after the key \"\(nodes[key].text(in: bytes).prefix(80))\"")
    }
    at += 1
  }

  private mutating func afterValue(_ byte: UInt8) throws(JSONError) -> Expectation {
    guard let container = open.last else { return .nothing }
    let isObject = nodes[container].kind == .object
    if byte == UInt8(ascii: ",") {
      at += 1
      return isObject ? .key : .value
    }
    guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
      throw expected(words(for: .commaOrEnd))
    }
    return try close()
  }

  /// Ends the innermost container at the closing bracket under the cursor.
  private mutating func close() throws(JSONError) -> Expectation {
    at += 1
    if let container = open.popLast() {
      nodes[container].end = UInt32(nodes.count)
      if nodes[container].kind == .object {
        try JSONKeys.refuseRepeated(in: container, of: nodes, bytes)
      }
    }
    return open.isEmpty ? .nothing : .commaOrEnd
  }

  // MARK: - Values

  private mutating func readValue(_ byte: UInt8) throws(JSONError) -> Expectation {
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard open.count < Self.depthLimit else {
        throw fault("lists and objects are nested more than \(Self.depthLimit) deep")
      }
      let isObject = byte == UInt8(ascii: "{")
      open.append(nodes.count)
      nodes.append(.init(isObject ? .object : .array, start: at, end: 0))
      at += 1
      return isObject ? .keyOrEnd : .valueOrEnd
    case UInt8(ascii: "\""): try readString()
    case UInt8(ascii: "-"), 48...57: try readNumber()
    case UInt8(ascii: "t"): try readWord("true", .yes)
    case UInt8(ascii: "f"): try readWord("false", .no)
    case UInt8(ascii: "n"): try readWord("null", .null)
    default: throw expected(words(for: .value))
    }
    return open.isEmpty ? .nothing : .commaOrEnd
  }

  private mutating func readWord(_ word: String, _ kind: JSONNode.Kind) throws(JSONError) {
    let start = at
    for letter in word.utf8 {
      guard at < bytes.count, bytes[at] == letter else { throw expected("`\(word)`") }
      at += 1
    }
    nodes.append(.init(kind, start: start, end: at))
  }

  private mutating func readNumber() throws(JSONError) {
    let start = at
    _ = take("-")
    if !take("0") {
      guard skipDigits() else { throw expected("a digit") }
    }
    let digits = at - start
    if take(".") {
      guard skipDigits() else { throw expected("a digit after the decimal point") }
    }
    let hasExponent = take("e") || take("E")
    if hasExponent {
      if !take("+") { _ = take("-") }
      guard skipDigits() else { throw expected("a digit in the exponent") }
    }
    // Only a number with an exponent or with hundreds of digits can leave the range of a Double.
    if hasExponent || digits > 300 {
      let text = String(decoding: bytes[start..<at], as: UTF8.self)
      guard Double(text)?.isFinite == true else {
        throw JSONError(offset: start, message: "the number \(text.prefix(40)) is out of range")
      }
    }
    nodes.append(.init(.number, start: start, end: at))
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  private mutating func skipDigits() -> Bool {
    let start = at
    while at < bytes.count, (48...57).contains(bytes[at]) { at += 1 }
    return at > start
  }

  // MARK: - Text

  private mutating func readString() throws(JSONError) {
    let start = at + 1
    var isEscaped = false
    var at = start
    let bytes = bytes
    while at < bytes.count {
      let byte = bytes[at]
      if byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        at += 1
      } else if byte == UInt8(ascii: "\"") {
        nodes.append(.init(isEscaped ? .escapedString : .string, start: start, end: at))
        self.at = at + 1
        return
      } else if byte == UInt8(ascii: "\\") {
        guard let escape = JSONEscape.character(in: bytes, at: at) else {
          throw JSONError(offset: at, message: JSONEscape.fault(in: bytes, at: at))
        }
        isEscaped = true
        at += escape.length
      } else if byte >= 0x80 {
        let width = Self.width(ofCharacterAt: at, in: bytes)
        guard width > 0 else {
          throw JSONError(
            offset: at, message: "found bytes that are not UTF-8 text; save the file as UTF-8")
        }
        at += width
      } else {
        throw JSONError(
          offset: at, message: "found \(Self.describe(byte)) inside text; write it as an escape")
      }
    }
    throw JSONError(
      offset: at, message: "the text ends inside a string: a closing quote is missing")
  }

  /// How many bytes the character outside ASCII at `at` has, 0 if it is not UTF-8 (Unicode 16,
  /// table 3-7).
  private static func width(ofCharacterAt at: Int, in bytes: [UInt8]) -> Int {
    func follows(_ place: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
      at + place < bytes.count && range.contains(bytes[at + place])
    }
    switch bytes[at] {
    case 0xC2...0xDF: return follows(1) ? 2 : 0
    case 0xE0: return follows(1, 0xA0...0xBF) && follows(2) ? 3 : 0
    case 0xED: return follows(1, 0x80...0x9F) && follows(2) ? 3 : 0
    case 0xE1...0xEF: return follows(1) && follows(2) ? 3 : 0
    case 0xF0: return follows(1, 0x90...0xBF) && follows(2) && follows(3) ? 4 : 0
    case 0xF1...0xF3: return follows(1) && follows(2) && follows(3) ? 4 : 0
    case 0xF4: return follows(1, 0x80...0x8F) && follows(2) && follows(3) ? 4 : 0
    default: return 0
    }
  }

  // MARK: - Faults

  private func words(for expectation: Expectation) -> String {
    switch expectation {
    case .value, .valueOrEnd: return "a value"
    case .key, .keyOrEnd: return "a key in double quotes"
    case .nothing: return "the end"
    case .commaOrEnd:
      let isObject = open.last.map { nodes[$0].kind == .object } ?? false
      return isObject ? "\",\" or \"}\"" : "\",\" or \"]\""
    }
  }

  private func fault(_ message: String) -> JSONError { JSONError(offset: at, message: message) }

  private func expected(_ what: String) -> JSONError {
    guard at < bytes.count else { return fault("the text ends where \(what) was expected") }
    return fault("found \(Self.describe(bytes[at])) where \(what) was expected")
  }

  private static func describe(_ byte: UInt8) -> String {
    switch byte {
    case 0x09: "a tab"
    case 0x00..<0x20, 0x7F: "control byte \(byte)"
    case 0x80...: "a character outside ASCII"
    default: "\"\(Character(Unicode.Scalar(byte)))\""
    }
  }
}
