/// A strict JSON (RFC 8259) parser over the bytes of one line.
///
/// Total: any bytes give a value or a fault with its byte offset. Stricter than most in two points
/// where leniency hides mistakes in data: a key that stands twice in an object and a lone UTF-16
/// surrogate are faults. Foundation's parser is not used since it tells no column, keeps the last
/// of two equal keys silently, and is several times slower.
struct JSONParser {
  /// What is wrong, and the byte where.
  struct Fault: Error, Equatable {
    let offset: Int
    let message: String
  }

  /// Lists and objects may be nested this deep.
  static let maximumDepth = 100

  private let bytes: ArraySlice<UInt8>
  private var position: Int
  private let end: Int

  private init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
    end = bytes.endIndex
  }

  /// Parses bytes, which are valid UTF-8, as one JSON value and nothing after it.
  static func parse(_ bytes: ArraySlice<UInt8>) throws(Fault) -> JSONValue {
    var parser = JSONParser(bytes)
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    if let byte = parser.peek() {
      throw parser.fault("found \(describe(byte)) after the end of the value")
    }
    return value
  }

  // MARK: - Values

  private mutating func value(depth: Int) throws(Fault) -> JSONValue {
    skipSpace()
    guard let byte = peek() else { throw fault("the line ends where a value was expected") }
    switch byte {
    case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
    case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: throw fault("found \(Self.describe(byte)) where a value was expected")
    }
  }

  private mutating func object(depth: Int) throws(Fault) -> JSONObject {
    try checkDepth(depth)
    position += 1
    var members: [JSONObject.Member] = []
    skipSpace()
    if take("}") { return JSONObject(members: members) }
    while true {
      skipSpace()
      guard peek() == UInt8(ascii: "\"") else { throw expected("a key in double quotes") }
      let start = position
      let key = try string()
      if members.contains(where: { $0.key == key }) {
        throw Fault(
          offset: start - bytes.startIndex, message: "the key \"\(key)\" stands twice in an object")
      }
      skipSpace()
      guard take(":") else { throw expected("\":\" after the key \"\(key)\"") }
      members.append(.init(key: key, value: try value(depth: depth)))
      skipSpace()
      if take("}") { return JSONObject(members: members) }
      guard take(",") else { throw expected("\",\" or \"}\"") }
    }
  }

  private mutating func array(depth: Int) throws(Fault) -> [JSONValue] {
    try checkDepth(depth)
    position += 1
    var values: [JSONValue] = []
    skipSpace()
    if take("]") { return values }
    while true {
      values.append(try value(depth: depth))
      skipSpace()
      if take("]") { return values }
      guard take(",") else { throw expected("\",\" or \"]\"") }
    }
  }

  private mutating func word(_ text: StaticString, _ value: JSONValue) throws(Fault) -> JSONValue {
    for byte in text.description.utf8 {
      guard peek() == byte else { throw expected("`\(text)`") }
      position += 1
    }
    return value
  }

  private mutating func number() throws(Fault) -> Double {
    let start = position
    _ = take("-")
    if !take("0") {
      guard skipDigits() else { throw expected("a digit") }
    }
    if take(".") {
      guard skipDigits() else { throw expected("a digit after the decimal point") }
    }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      guard skipDigits() else { throw expected("a digit in the exponent") }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    guard let number = Double(text), number.isFinite else {
      throw Fault(offset: start - bytes.startIndex, message: "the number \(text) is out of range")
    }
    return number
  }

  // MARK: - Text

  private mutating func string() throws(Fault) -> String {
    position += 1
    var start = position
    var text = ""
    while position < end {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        let run = String(decoding: bytes[start..<position], as: UTF8.self)
        position += 1
        return text.isEmpty ? run : text + run
      } else if byte == UInt8(ascii: "\\") {
        text += String(decoding: bytes[start..<position], as: UTF8.self)
        text.unicodeScalars.append(try escape())
        start = position
      } else if byte < 0x20 {
        throw fault("found \(Self.describe(byte)) inside text; write it as an escape")
      } else {
        position += 1
      }
    }
    throw fault("the line ends inside text: a closing quote is missing")
  }

  private mutating func escape() throws(Fault) -> Unicode.Scalar {
    let start = position
    position += 1
    guard let byte = peek() else { throw fault("the line ends inside an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let first = try fourHexDigits()
      if let scalar = Unicode.Scalar(first) { return scalar }
      if first < 0xDC00, take("\\"), take("u") {
        let second = try fourHexDigits()
        if (0xDC00...0xDFFF).contains(second),
          let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        {
          return scalar
        }
      }
      throw Fault(
        offset: start - bytes.startIndex,
        message: "a lone surrogate escape stands for no character")
    default:
      position = start
      throw fault("found an unknown escape in text")
    }
  }

  private mutating func fourHexDigits() throws(Fault) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw expected("four hexadecimal digits after \\u")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  // MARK: - Bytes

  private func peek() -> UInt8? {
    position < end ? bytes[position] : nil
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard position < end, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while position < end {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  private mutating func skipDigits() -> Bool {
    let start = position
    while position < end, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
      position += 1
    }
    return position > start
  }

  // MARK: - Faults

  private func checkDepth(_ depth: Int) throws(Fault) {
    if depth > Self.maximumDepth {
      throw fault("lists and objects are nested more than \(Self.maximumDepth) deep")
    }
  }

  private func fault(_ message: String) -> Fault {
    Fault(offset: position - bytes.startIndex, message: message)
  }

  private func expected(_ what: String) -> Fault {
    guard let byte = peek() else { return fault("the line ends where \(what) was expected") }
    return fault("found \(Self.describe(byte)) where \(what) was expected")
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
