import HalterBackend

/// The numbers that fixtures do not store but name; `Tests/Parity/README.md` specifies them.
enum GeneratedNumbers {
  /// FNV-1a, 64 bits.
  static func fnv1a(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }

  /// The hash of token ids: over their little-endian bytes, as 16 hexadecimal digits.
  static func hash(_ ids: [Int32]) -> String {
    let bytes = ids.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) } }
    let digits = String(fnv1a(bytes), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// `symmetric(name, shape, bound)` of `count` entries.
  static func symmetric(_ name: String, count: Int, bound: Float) -> [Float] {
    var stream = RandomStream(seed: fnv1a(name.utf8))
    return stream.uniform(count: count, bound: bound)
  }
}
