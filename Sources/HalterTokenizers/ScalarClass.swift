/// What a splitting pattern wants to know of a character: `\p{L}`, `\p{N}`, `\s` or none of them.
enum ScalarClass: UInt8, Sendable {
  case letter, number, space, other

  /// The class of `scalar` by Unicode general category and the White_Space property.
  init(_ scalar: Unicode.Scalar) {
    if scalar.isPatternSpace {
      self = .space
    } else if scalar.isNewToPatterns {
      self = .other
    } else {
      self = Self.ofCategory(scalar.properties.generalCategory)
    }
  }

  private static func ofCategory(_ category: Unicode.GeneralCategory) -> ScalarClass {
    switch category {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      .letter
    case .decimalNumber, .letterNumber, .otherNumber: .number
    default: .other
    }
  }

  /// The class of an ASCII byte.
  @inline(__always)
  init(ascii byte: UInt8) {
    if Self.isLetter(ascii: byte) {
      self = .letter
    } else if byte &- 48 < 10 {
      self = .number
    } else if byte == 32 || byte &- 9 < 5 {
      self = .space
    } else {
      self = .other
    }
  }

  /// Whether a byte is an ASCII letter.
  @inline(__always)
  static func isLetter(ascii byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 }

  /// The class of the character at `position` of valid UTF-8, and its length in bytes.
  @inline(__always)
  static func at(_ position: Int, _ bytes: [UInt8]) -> (ScalarClass, Int) {
    let lead = bytes[position]
    if lead < 0x80 { return (ScalarClass(ascii: lead), 1) }
    let (scalar, length) = UTF8Text.scalar(at: position, bytes)
    return (ScalarClass(scalar), length)
  }
}

extension Unicode.Scalar {
  /// Letters and digits of Unicode 17, which the regex engine of `tokenizers` does not know yet.
  fileprivate var isNewToPatterns: Bool {
    guard value >= 0x88F else { return false }
    switch value {
    case 0x88F, 0xC5C, 0xCDC, 0xA7CE...0xA7CF, 0xA7D2, 0xA7D4, 0xA7F1, 0x10940...0x10959,
      0x10EC5...0x10EC7, 0x11DB0...0x11DE9, 0x16EA0...0x16ED3, 0x16FF2...0x16FF6,
      0x187F8...0x187FF, 0x18D09...0x18D1E, 0x18D80...0x18DF2, 0x1E6C0...0x1E6FF,
      0x2B73A...0x2B73F, 0x2CEA2...0x2CEAD, 0x323B0...0x33479:
      return true
    default: return false
    }
  }

  /// Category N, without the limit of `isNewToPatterns`: what the step Digits looks for.
  var isNumeric: Bool {
    switch properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: true
    default: false
    }
  }

  /// The White_Space property, which is what `\s` means in the splitting patterns.
  var isPatternSpace: Bool {
    switch value {
    case 9...13, 32, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000:
      true
    default: false
    }
  }
}

/// Reading characters out of bytes that are known to be UTF-8.
enum UTF8Text {
  /// The length of the character whose first byte is `lead`.
  @inline(__always)
  static func length(lead: UInt8) -> Int {
    lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
  }

  /// The character at `position` and its length in bytes; U+FFFD should the bytes be torn.
  static func scalar(at position: Int, _ bytes: [UInt8]) -> (Unicode.Scalar, Int) {
    let lead = bytes[position]
    if lead < 0x80 { return (Unicode.Scalar(lead), 1) }
    let length = length(lead: lead)
    guard lead >= 0xC2, position + length <= bytes.count else { return ("\u{FFFD}", 1) }
    var value = UInt32(lead) & (0x7F >> UInt32(length))
    for offset in 1..<length {
      value = value << 6 | UInt32(bytes[position + offset] & 0x3F)
    }
    return (Unicode.Scalar(value) ?? "\u{FFFD}", length)
  }

  /// Where the character that ends at `position` begins.
  @inline(__always)
  static func start(endingAt position: Int, _ bytes: [UInt8]) -> Int {
    var at = position - 1
    while at > 0, bytes[at] & 0xC0 == 0x80 { at -= 1 }
    return at
  }
}

/// The byte alphabet of GPT-2: every byte has a printable character of its own.
enum ByteAlphabet {
  /// The character that stands for `byte`.
  static func scalar(for byte: UInt8) -> Unicode.Scalar {
    switch byte {
    case 33...126, 161...172, 174...255: Unicode.Scalar(byte)
    case 0...32: Unicode.Scalar(UInt16(256) + UInt16(byte)) ?? " "
    case 127...160: Unicode.Scalar(UInt16(256 + 33) + UInt16(byte - 127)) ?? " "
    default: Unicode.Scalar(UInt16(256 + 67)) ?? " "
    }
  }

  /// The byte that `scalar` stands for, or nil.
  static func byte(for scalar: Unicode.Scalar) -> UInt8? {
    switch scalar.value {
    case 33...126, 161...172, 174...255: UInt8(scalar.value)
    case 256...288: UInt8(scalar.value - 256)
    case 289...322: UInt8(scalar.value - 289 + 127)
    case 323: 173
    default: nil
    }
  }

  /// The bytes that a token's text stands for; the text itself if it is not in the alphabet.
  static func decode(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(text.count)
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
      guard let byte = byte(for: scalar) else { return Array(text) }
      out.append(byte)
    }
    return out
  }

  /// `bytes` spelt in the alphabet, as UTF-8.
  static func encode(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var out: [UInt8] = []
    for byte in bytes {
      let value = UInt8(truncatingIfNeeded: scalar(for: byte).value)
      let high = scalar(for: byte).value >> 6
      if high < 2 {
        out.append(value)
      } else {
        out.append(UInt8(0xC0 | high))
        out.append(0x80 | (value & 0x3F))
      }
    }
    return out
  }
}
