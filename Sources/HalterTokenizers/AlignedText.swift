/// A token of a text, and the bytes of the original text that it came from.
struct PlacedToken: Sendable {
  var id: Int32
  var start: Int32
  var end: Int32
}

/// UTF-8 text after rewriting, with the place in the original that each byte came from.
struct AlignedText {
  var bytes: [UInt8]
  /// For each byte the offset in the original text; nil while nothing was rewritten.
  var origin: [Int32]?
  /// Offset of the first byte in the original, for use while `origin` is nil.
  var base: Int

  init(_ bytes: [UInt8], base: Int = 0) {
    self.bytes = bytes
    self.base = base
  }

  /// The original offset of byte `index`.
  @inline(__always)
  func originalOffset(_ index: Int) -> Int32 {
    guard let origin else { return Int32(truncatingIfNeeded: base + index) }
    return origin[index]
  }

  /// The token `id` that stands for the bytes from `start` to `end`.
  @inline(__always)
  func placed(_ id: Int32, _ start: Int, _ end: Int) -> PlacedToken {
    let last = max(end - 1, 0)
    return PlacedToken(
      id: id, start: originalOffset(min(start, last)), end: originalOffset(last) + 1)
  }
}

/// Builds an `AlignedText` out of pieces of another.
struct AlignedTextBuilder {
  private let source: AlignedText
  private var bytes: [UInt8] = []
  private var origin: [Int32] = []

  init(_ source: AlignedText) {
    self.source = source
    bytes.reserveCapacity(source.bytes.count + source.bytes.count / 2 + 16)
    origin.reserveCapacity(source.bytes.count + source.bytes.count / 2 + 16)
  }

  var count: Int { bytes.count }

  /// Copies bytes that do not change.
  mutating func keep(_ range: Range<Int>) {
    bytes.append(contentsOf: source.bytes[range])
    if let known = source.origin {
      origin.append(contentsOf: known[range])
    } else {
      for index in range { origin.append(source.originalOffset(index)) }
    }
  }

  /// Puts `text` in the place of `range`; for an empty range, before it.
  mutating func put(_ text: [UInt8], for range: Range<Int>) {
    // The last byte stands for the end of what it replaces, so that ends stay ends.
    let last = max(range.lowerBound, range.upperBound - 1)
    for offset in text.indices {
      let from = offset + 1 == text.count ? last : min(range.lowerBound + offset, last)
      bytes.append(text[offset])
      let place = max(0, min(from, source.bytes.count - 1))
      origin.append(source.bytes.isEmpty ? Int32(source.base) : source.originalOffset(place))
    }
  }

  func finish() -> AlignedText {
    var out = AlignedText(bytes, base: source.base)
    out.origin = origin
    return out
  }
}
