/// A JSON text read into one flat array of nodes.
///
/// A tokenizer file holds a hundred thousand short strings; a tree of dictionaries of them costs
/// more than everything else the program does before its first step. Here a string is a byte range
/// of the text and is decoded only where it is used.
struct JSONTape: Sendable {
  enum Kind: UInt8, Sendable {
    case null, false_, true_, number, string, array, object
  }

  struct Node: Sendable {
    var kind: Kind
    /// Whether a string holds a backslash and must be decoded.
    var escaped: Bool
    /// Byte range in the text; for a string without its quotes.
    var start: Int32
    var end: Int32
    /// Index of the first node after this one and all that it holds.
    var next: Int32
  }

  /// The text, which is valid UTF-8.
  let bytes: [UInt8]
  private(set) var nodes: [Node] = []

  /// Containers may not nest deeper than this.
  static let depthLimit = 64

  /// Reads all of `bytes`, which must be one JSON value.
  init(_ bytes: [UInt8]) throws(TokenizerError) {
    self.bytes = bytes
    guard bytes.count < Int(Int32.max) else {
      throw TokenizerError(.malformed, "the JSON text has 2 GiB or more")
    }
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw TokenizerError(.malformed, "the JSON text is not valid UTF-8")
    }
    nodes.reserveCapacity(bytes.count / 14)
    var reader = JSONTapeReader()
    try reader.read(bytes, into: &nodes)
  }

  func kind(_ node: Int) -> Kind { nodes[node].kind }

  func next(_ node: Int) -> Int { Int(nodes[node].next) }

  /// Appends the text of the string `node`, escapes decoded.
  func appendString(_ node: Int, to out: inout [UInt8]) throws(TokenizerError) {
    let range = Int(nodes[node].start)..<Int(nodes[node].end)
    guard nodes[node].escaped else {
      out.append(contentsOf: bytes[range])
      return
    }
    var at = range.lowerBound
    while at < range.upperBound {
      let byte = bytes[at]
      guard byte == UInt8(ascii: "\\") else {
        out.append(byte)
        at += 1
        continue
      }
      at += 2
      switch bytes[at - 1] {
      case UInt8(ascii: "n"): out.append(10)
      case UInt8(ascii: "t"): out.append(9)
      case UInt8(ascii: "r"): out.append(13)
      case UInt8(ascii: "b"): out.append(8)
      case UInt8(ascii: "f"): out.append(12)
      case UInt8(ascii: "u"):
        let scalar = try unicodeEscape(&at, before: range.upperBound)
        out.append(contentsOf: String(Character(scalar)).utf8)
      case let plain: out.append(plain)
      }
    }
  }

  /// Reads the four digits at `at` (and a second escape if they are a high surrogate).
  private func unicodeEscape(
    _ at: inout Int, before end: Int
  ) throws(TokenizerError) -> Unicode.Scalar {
    let start = at
    func unit() -> UInt32? {
      guard at + 4 <= end else { return nil }
      var value: UInt32 = 0
      for byte in bytes[at..<at + 4] {
        guard let digit = Unicode.Scalar(byte).hexDigit else { return nil }
        value = value * 16 + digit
      }
      at += 4
      return value
    }
    if let first = unit() {
      if let scalar = Unicode.Scalar(first) { return scalar }
      let paired =
        first < 0xDC00 && at + 2 <= end && bytes[at] == UInt8(ascii: "\\")
        && bytes[at + 1] == UInt8(ascii: "u")
      if paired {
        at += 2
        if let second = unit(), (0xDC00..<0xE000).contains(second),
          let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        {
          return scalar
        }
      }
    }
    throw TokenizerError(.malformed, "a \\u escape is not a character", at: "byte \(start)")
  }

  func string(_ node: Int) throws(TokenizerError) -> String {
    var out: [UInt8] = []
    try appendString(node, to: &out)
    return String(decoding: out, as: UTF8.self)
  }

  /// The whole number `node`, or nil for a fraction or one that does not fit.
  func integer(_ node: Int) -> Int? {
    guard nodes[node].kind == .number else { return nil }
    let range = Int(nodes[node].start)..<Int(nodes[node].end)
    var value = 0
    var digits = range.lowerBound
    let negative = bytes[digits] == UInt8(ascii: "-")
    if negative { digits += 1 }
    guard range.upperBound - digits <= 18 else { return nil }
    for byte in bytes[digits..<range.upperBound] {
      guard (48...57).contains(byte) else { return nil }
      value = value * 10 + Int(byte - 48)
    }
    return negative ? -value : value
  }
}

extension Unicode.Scalar {
  /// The value of a hexadecimal digit.
  fileprivate var hexDigit: UInt32? {
    switch value {
    case 48...57: value - 48
    case 65...70: value - 55
    case 97...102: value - 87
    default: nil
    }
  }
}
