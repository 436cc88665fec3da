/// A writing system, told by the blocks of Unicode 16 in which its letters stand.
public enum WritingScript: Int, Sendable, CaseIterable {
  /// A script that has a name here, or `other` for the letters of all others.
  case latin, greek, cyrillic, hebrew, arabic, devanagari, thai, kana, hangul, han, other

  /// The name of the script in English.
  public var name: String {
    switch self {
    case .latin: "Latin"
    case .greek: "Greek"
    case .cyrillic: "Cyrillic"
    case .hebrew: "Hebrew"
    case .arabic: "Arabic"
    case .devanagari: "Devanagari"
    case .thai: "Thai"
    case .kana: "Kana"
    case .hangul: "Hangul"
    case .han: "Han"
    case .other: "other"
    }
  }

  /// The script of a letter; nil for anything else: digits, marks, spaces, symbols.
  init?(of scalar: Unicode.Scalar) {
    switch scalar.value {
    case 0x41...0x5A, 0x61...0x7A, 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x24F, 0x1E00...0x1EFF:
      self = .latin
    case 0..<0x80: return nil
    case 0x370...0x3FF, 0x1F00...0x1FFF: self = .greek
    case 0x400...0x52F, 0x1C80...0x1C8F, 0x2DE0...0x2DFF, 0xA640...0xA69F: self = .cyrillic
    case 0x590...0x5FF, 0xFB1D...0xFB4F: self = .hebrew
    case 0x600...0x6FF, 0x750...0x77F, 0x8A0...0x8FF, 0xFB50...0xFDFF, 0xFE70...0xFEFC:
      self = .arabic
    case 0x900...0x97F, 0xA8E0...0xA8FF: self = .devanagari
    case 0xE00...0xE7F: self = .thai
    case 0x3041...0x30FF, 0x31F0...0x31FF, 0xFF66...0xFF9D: self = .kana
    case 0x1100...0x11FF, 0x3130...0x318F, 0xA960...0xA97F, 0xAC00...0xD7FF: self = .hangul
    case 0x2E80...0x2FDF, 0x3005, 0x3007, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF,
      0x20000...0x323AF:
      self = .han
    default:
      guard scalar.properties.isAlphabetic else { return nil }
      self = .other
    }
    if !scalar.properties.isAlphabetic { return nil }
  }
}
