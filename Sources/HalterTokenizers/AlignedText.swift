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
}

/// Builds an `AlignedText` out of pieces of another.
struct AlignedTextBuilder {
  private let source: AlignedText
  private var bytes: [UInt8] = []
  private var origin: [Int32] = []

  init(_ source: AlignedText) {
    self.source = source
    bytes.reserveCapacity(source.bytes.count + 16)
    origin.reserveCapacity(source.bytes.count + 16)
  }

  var count: Int { bytes.count }

  /// Copies bytes that do not change.
  mutating func keep(_ range: Range<Int>) {
    for index in range {
      bytes.append(source.bytes[index])
      origin.append(source.originalOffset(index))
    }
  }

  /// Puts `text` in the place of `range`; for an empty range, before it.
  mutating func put(_ text: some Collection<UInt8>, for range: Range<Int>) {
    var left = text.count
    for (offset, byte) in text.enumerated() {
      left -= 1
      // The last byte stands for the end of what it replaces, so that ends stay ends.
      let last = max(range.lowerBound, range.upperBound - 1)
      let from = left == 0 ? last : min(range.lowerBound + offset, last)
      bytes.append(byte)
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
