/// The escapes in JSON strings.
enum JSONEscape {
  /// The character of the escape whose backslash is at `at`, and how many bytes it takes.
  ///
  /// Nil where there is none: unknown letters, too few digits, half of a surrogate pair.
  static func character(
    in bytes: [UInt8], at: Int
  ) -> (scalar: Unicode.Scalar, length: Int)? {
    guard at + 1 < bytes.count else { return nil }
    switch bytes[at + 1] {
    case UInt8(ascii: "\""): return ("\"", 2)
    case UInt8(ascii: "\\"): return ("\\", 2)
    case UInt8(ascii: "/"): return ("/", 2)
    case UInt8(ascii: "b"): return ("\u{8}", 2)
    case UInt8(ascii: "f"): return ("\u{C}", 2)
    case UInt8(ascii: "n"): return ("\n", 2)
    case UInt8(ascii: "r"): return ("\r", 2)
    case UInt8(ascii: "t"): return ("\t", 2)
    case UInt8(ascii: "u"): break
    default: return nil
    }
    guard let first = unit(in: bytes, at: at) else { return nil }
    if let scalar = Unicode.Scalar(first) { return (scalar, 6) }
    // What is no scalar is a surrogate; a high one needs a low one behind it.
    guard first < 0xDC00, let second = unit(in: bytes, at: at + 6),
      (0xDC00..<0xE000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    else { return nil }
    return (scalar, 12)
  }

  /// Why there is no character at `at`.
  static func fault(in bytes: [UInt8], at: Int) -> String {
    guard at + 1 < bytes.count else { return "the text ends inside an escape" }
    guard bytes[at + 1] == UInt8(ascii: "u") else { return "found an unknown escape in text" }
    return unit(in: bytes, at: at) == nil
      ? "found an escape \\u without its four hexadecimal digits"
      : "a lone surrogate escape stands for no character"
  }

  /// The number in the escape `\uXXXX` that starts at `at`.
  private static func unit(in bytes: [UInt8], at: Int) -> UInt32? {
    guard at + 6 <= bytes.count, bytes[at] == UInt8(ascii: "\\"),
      bytes[at + 1] == UInt8(ascii: "u")
    else { return nil }
    var value: UInt32 = 0
    for byte in bytes[at + 2..<at + 6] {
      switch byte {
      case 48...57: value = value << 4 | UInt32(byte - 48)
      case 65...70: value = value << 4 | UInt32(byte - 55)
      case 97...102: value = value << 4 | UInt32(byte - 87)
      default: return nil
      }
    }
    return value
  }

  /// Appends the text of a string that was checked to hold only known escapes.
  static func decode(_ bytes: [UInt8], _ range: Range<Int>, to out: inout [UInt8]) {
    var at = range.lowerBound
    var plain = at
    while at < range.upperBound {
      guard bytes[at] == UInt8(ascii: "\\"), let escape = character(in: bytes, at: at) else {
        at += 1
        continue
      }
      out.append(contentsOf: bytes[plain..<at])
      if escape.scalar.isASCII {
        out.append(UInt8(truncatingIfNeeded: escape.scalar.value))
      } else {
        out.append(contentsOf: UTF8.encode(escape.scalar) ?? UTF8.encodedReplacementCharacter)
      }
      at += escape.length
      plain = at
    }
    out.append(contentsOf: bytes[plain..<range.upperBound])
  }
}
