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
    var state = fnv1a(name.utf8)
    return (0..<count).map { _ in
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      z ^= z >> 31
      return Float(Int32(z >> 40) - (1 << 23)) / Float(1 << 23) * bound
    }
  }
}
