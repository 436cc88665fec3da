import Crypto

extension Checksum {
  /// The first 128 bits of the SHA-256 of some bytes, for tables of many of them.
  public static func sha256Start(of bytes: [UInt8]) -> (high: UInt64, low: UInt64) {
    var (high, low): (UInt64, UInt64) = (0, 0)
    for (index, byte) in SHA256.hash(data: bytes).prefix(16).enumerated() {
      if index < 8 { high = high << 8 | UInt64(byte) } else { low = low << 8 | UInt64(byte) }
    }
    return (high, low)
  }
}
