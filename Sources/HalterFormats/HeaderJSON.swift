/// A reader of JSON that takes the document apart as it goes, for headers from outside.
///
/// It is total: any input gives values or a `FormatError` with the byte offset. It never recurses
/// on the input's nesting and allocates no more than the input's size. Unlike general parsers it
/// shows duplicate keys to the caller.
struct HeaderJSON {
  private let bytes: UnsafeRawBufferPointer
  private var index = 0
  private let path: String
  /// Where the document starts in the file, so that errors give file offsets.
  private let origin: Int
  private static let deepest = 128

  init(_ bytes: UnsafeRawBufferPointer, path: String, origin: Int) {
    self.bytes = bytes
    self.path = path
    self.origin = origin
  }

  func malformed(_ message: String) -> FormatError {
    FormatError(
      .malformed, "the header is not valid: \(message)",
      mend: "The file is damaged or not of this format; fetch it again", path: path,
      offset: origin + index)
  }

  private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      index += 1
    }
  }

  mutating func expect(_ character: Unicode.Scalar, _ what: String) throws(FormatError) {
    skipSpace()
    guard let byte = next, UInt32(byte) == character.value else {
      throw malformed("expected '\(character)' \(what)")
    }
    index += 1
  }

  /// Consumes `character` if it comes next.
  mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard let byte = next, UInt32(byte) == character.value else { return false }
    index += 1
    return true
  }

  mutating func expectEnd() throws(FormatError) {
    skipSpace()
    guard index == bytes.count else { throw malformed("text after the end of the JSON object") }
  }

  /// Reads an object, calling `member` with each key; `member` must consume the value.
  mutating func object(
    _ member: (inout HeaderJSON, String) throws(FormatError) -> Void
  ) throws(FormatError) {
    try expect("{", "to start an object")
    if take("}") { return }
    repeat {
      skipSpace()
      let key = try string()
      try expect(":", "after a key")
      try member(&self, key)
    } while take(",")
    try expect("}", "or ',' in an object")
  }

  /// Reads an array of non-negative integers.
  mutating func naturals(_ what: String, limit: Int) throws(FormatError) -> [Int] {
    try expect("[", "to start \(what)")
    var values: [Int] = []
    if take("]") { return values }
    repeat {
      guard values.count < limit else { throw malformed("\(what) has more than \(limit) numbers") }
      values.append(try natural(what))
    } while take(",")
    try expect("]", "or ',' in \(what)")
    return values
  }

  private mutating func natural(_ what: String) throws(FormatError) -> Int {
    skipSpace()
    let start = index
    var value = 0
    while let byte = next, (0x30...0x39).contains(byte) {
      let (tens, over) = value.multipliedReportingOverflow(by: 10)
      let (sum, over2) = tens.addingReportingOverflow(Int(byte - 0x30))
      guard !over, !over2 else { throw malformed("a number in \(what) is too large") }
      value = sum
      index += 1
    }
    guard index > start else { throw malformed("expected a whole number of 0 or more in \(what)") }
    if index - start > 1 && bytes[start] == 0x30 { throw malformed("a number starts with 0") }
    if let byte = next, byte == 0x2E || byte == 0x65 || byte == 0x45 {
      throw malformed("expected a whole number in \(what)")
    }
    return value
  }

  /// Reads a string.
  mutating func string() throws(FormatError) -> String {
    try expect("\"", "to start a string")
    var text: [UInt8] = []
    while true {
      guard let byte = next else { throw malformed("a string does not end") }
      index += 1
      switch byte {
      case 0x22:
        guard let result = String(validating: text, as: UTF8.self) else {
          throw malformed("a string is not valid UTF-8")
        }
        return result
      case 0x5C:
        text.append(contentsOf: String(try escape()).utf8)
      case 0..<0x20:
        throw malformed("a string holds a raw control character")
      default:
        text.append(byte)
      }
    }
  }

  private mutating func escape() throws(FormatError) -> Unicode.Scalar {
    guard let byte = next else { throw malformed("a string does not end") }
    index += 1
    switch byte {
    case 0x22: return "\""
    case 0x5C: return "\\"
    case 0x2F: return "/"
    case 0x62: return "\u{8}"
    case 0x66: return "\u{C}"
    case 0x6E: return "\n"
    case 0x72: return "\r"
    case 0x74: return "\t"
    case 0x75: return try unicodeEscape()
    default: throw malformed("unknown escape in a string")
    }
  }

  private mutating func unicodeEscape() throws(FormatError) -> Unicode.Scalar {
    let first = try hexDigits()
    if let scalar = Unicode.Scalar(first) { return scalar }
    // Half of a surrogate pair: the other half must follow.
    guard first < 0xDC00, index + 1 < bytes.count, bytes[index] == 0x5C, bytes[index + 1] == 0x75
    else { throw malformed("half of a surrogate pair in a string") }
    index += 2
    let second = try hexDigits()
    guard (0xDC00..<0xE000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    else { throw malformed("half of a surrogate pair in a string") }
    return scalar
  }

  private mutating func hexDigits() throws(FormatError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue,
        byte < 0x80
      else { throw malformed("expected four hexadecimal digits after \\u") }
      value = value * 16 + UInt32(digit)
      index += 1
    }
    return value
  }

  /// Skips one value of any kind, which must at least be well nested.
  mutating func skipValue() throws(FormatError) {
    var closers: [UInt8] = []
    repeat {
      skipSpace()
      guard let byte = next else { throw malformed("the text ends inside a value") }
      switch byte {
      case 0x22: _ = try string()
      case 0x7B, 0x5B:
        guard closers.count < HeaderJSON.deepest else { throw malformed("nested too deeply") }
        closers.append(byte == 0x7B ? 0x7D : 0x5D)
        index += 1
      case 0x7D, 0x5D:
        guard closers.popLast() == byte else { throw malformed("unbalanced brackets") }
        index += 1
      case 0x2C, 0x3A:
        guard !closers.isEmpty else { throw malformed("expected a value") }
        index += 1
      default:
        try skipScalar()
      }
    } while !closers.isEmpty
  }

  private mutating func skipScalar() throws(FormatError) {
    let start = index
    while let byte = next, isScalarByte(byte) { index += 1 }
    guard index > start else { throw malformed("expected a value") }
  }

  private func isScalarByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E: true
    default: false
    }
  }
}
