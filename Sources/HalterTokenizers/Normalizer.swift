import Foundation

/// A rewriting of text before it is split.
indirect enum Normalizer: Sendable, Equatable {
  /// Unicode canonical composition.
  case nfc
  /// Puts a text in front of text that is not empty.
  case prepend([UInt8])
  /// Replaces every occurrence of `from`, which is not empty.
  case replace(from: [UInt8], with: [UInt8])
  case sequence([Normalizer])

  /// Rewrites `text`.
  func apply(_ text: AlignedText) -> AlignedText {
    switch self {
    case .sequence(let parts): parts.reduce(text) { $1.apply($0) }
    case .prepend(let prefix): Self.prepend(prefix, text)
    case .replace(let from, let with): Self.replace(from, with, text)
    case .nfc: Self.compose(text)
    }
  }

  /// Whether every text gets something put in front of it.
  var marksStart: Bool {
    switch self {
    case .prepend(let prefix): !prefix.isEmpty
    case .sequence(let parts): parts.contains(where: \.marksStart)
    case .nfc, .replace: false
    }
  }

  /// Rewrites a text of its own, as the patterns of added tokens are.
  func apply(_ text: [UInt8]) -> [UInt8] { apply(AlignedText(text)).bytes }

  static func prepend(_ prefix: [UInt8], _ text: AlignedText) -> AlignedText {
    guard !text.bytes.isEmpty else { return text }
    var out = AlignedTextBuilder(text)
    out.put(prefix, for: 0..<0)
    out.keep(0..<text.bytes.count)
    return out.finish()
  }

  static func replace(_ from: [UInt8], _ with: [UInt8], _ text: AlignedText) -> AlignedText {
    guard let first = from.first else { return text }
    let bytes = text.bytes
    var out = AlignedTextBuilder(text)
    var kept = 0
    var at = 0
    while at + from.count <= bytes.count {
      guard bytes[at] == first, bytes[at..<at + from.count].elementsEqual(from) else {
        at += 1
        continue
      }
      out.keep(kept..<at)
      out.put(with, for: at..<at + from.count)
      at += from.count
      kept = at
    }
    guard kept > 0 else { return text }
    out.keep(kept..<bytes.count)
    return out.finish()
  }

  private static func compose(_ text: AlignedText) -> AlignedText {
    let bytes = text.bytes
    // Nothing below U+0300 composes with what stands before it.
    guard bytes.contains(where: { $0 >= 0xCC }) else { return text }
    let whole = String(decoding: bytes, as: UTF8.self)
    guard !whole.precomposedStringWithCanonicalMapping.utf8.elementsEqual(bytes) else {
      return text
    }
    var out = AlignedTextBuilder(text)
    var start = 0
    while start < bytes.count {
      var end = start + UTF8Text.length(lead: bytes[start])
      while end < bytes.count, bytes[end] >= 0xCC { end += UTF8Text.length(lead: bytes[end]) }
      let part = String(decoding: bytes[start..<end], as: UTF8.self)
      let composed = Array(part.precomposedStringWithCanonicalMapping.utf8)
      if composed.elementsEqual(bytes[start..<end]) {
        out.keep(start..<end)
      } else {
        out.put(composed, for: start..<end)
      }
      start = end
    }
    return out.finish()
  }
}
