import Foundation
import HalterFormats
import Testing

@Suite struct GzipReaderTests {
  /// Forty lines of JSON, packed by Python's gzip module at level 9.
  private static let lines =
    Data(
      base64Encoded:
        "H4sIAAAAAAAC/33VsW4CMRCE4T5Pcbo6BTMDd5C3iSKKSAkQgpQC5d0Jhfcij4bOtvRX/rR7HU/n4+fpMr4M49dq"
        + "fB7Gt7/rx/7yfjzc314P3z/787Aa2mH8fbr+bxAbtAZ9w9iwNewbxUatUd+sY7NuzbpvNrHZtGbTN1NsptZMfTPH"
        + "Zm7N3Dfb2Gxbs+2bXWx2rdnZn2YIKAlwCg8sLBhMAzIHlAcYCGQRKBIwE8goUCpgLJBdoGDAZCDTQNmA4UDWgeIB"
        + "84EMBCUERgTZCAoJTAmzEpYSmhJmJSwl9JnxYGgsU8OUMCthKaEpYVbCUkJTwqyEpYSmhFkJSwlNCbMSlhKaEmYl"
        + "LCU0JcxKWEpoSpSVqJTIlCgrUSmRKVFWolIiXy4PtsuyXkyJshKVEpkSZSUqJTIlykpUSmRKlJWolMiUKCtRKZEp"
        + "UVaiUqK7khvm+4RVeggAAA==") ?? Data()
  private static let text = (0..<40).map {
    "{\"prompt\": \"q\($0)\", \"completion\": \"answer \($0) answer \($0)\"}\n"
  }.joined()

  private func unpack(_ bytes: some Sequence<UInt8>, piece: Int = 1000) throws -> [UInt8] {
    try withScratch { folder in
      let file = folder.appendingPathComponent("rows.jsonl.gz")
      try Data(bytes).write(to: file)
      let reader = try GzipReader(file)
      var all: [UInt8] = []
      while true {
        let bytes = try reader.read(upTo: piece)
        if bytes.isEmpty { break }
        all += bytes
      }
      #expect(reader.bytesUnpacked == all.count)
      return all
    }
  }

  @Test(arguments: [1, 7, 1000, 1 << 20]) func unpacksInPieces(_ piece: Int) throws {
    #expect(try unpack(Self.lines, piece: piece) == Array(Self.text.utf8))
  }

  @Test func membersFollowEachOther() throws {
    let empty = StoredGzip.pack([])
    let packed = Self.lines + empty + StoredGzip.pack(Array("x".utf8)) + Self.lines + empty
    #expect(try unpack(packed) == Array((Self.text + "x" + Self.text).utf8))
    #expect(try unpack(empty) == [])
  }

  @Test func zerosAtTheEndAreNoContent() throws {
    #expect(
      try unpack(Self.lines + [UInt8](repeating: 0, count: 1024)) == Array(Self.text.utf8))
    #expect(throws: FormatError.self) { try unpack(Self.lines + [0, 0, 1]) }
  }

  @Test func moreThanItsInputComesOut() throws {
    let blocks = (0..<64).map { StoredGzip.pack([UInt8](repeating: UInt8($0), count: 60_000)) }
    let all = try unpack(blocks.joined(), piece: 1 << 18)
    #expect(all.count == 64 * 60_000)
    #expect(all.last == 63)
  }

  @Test func everyCutIsFound() throws {
    for length in 1..<Self.lines.count {
      let failure = #expect(throws: FormatError.self) { try unpack(Self.lines.prefix(length)) }
      #expect(failure?.code == .truncated)
      #expect(failure?.message.hasPrefix("the gzip data ends too early, after ") == true)
    }
    let failure = #expect(throws: FormatError.self) {
      try unpack(Self.lines.dropLast(3))
    }
    #expect(failure?.message.contains("after \(Self.text.utf8.count) unpacked bytes") == true)
  }

  @Test func everyFlippedBitIsFoundOrHarmless() throws {
    for place in 0..<Self.lines.count {
      var damaged = Self.lines
      damaged[place] ^= 0x10
      do {
        // The time and the name of the system in the header mean nothing.
        #expect(try unpack(damaged) == Array(Self.text.utf8), "byte \(place)")
        #expect((4..<10).contains(place), "byte \(place)")
      } catch let error as FormatError {
        #expect([.malformed, .truncated].contains(error.code), "byte \(place)")
      }
    }
  }

  @Test func otherFilesAreRefused() throws {
    #expect(throws: FormatError.self) { try unpack([]) }
    #expect(throws: FormatError.self) { try unpack(Array("plain text".utf8)) }
    let failure = #expect(throws: FormatError.self) {
      try GzipReader(URL(fileURLWithPath: "/no/such.gz"))
    }
    #expect(failure?.code == .notFound)
  }
}

/// Packs without compressing: enough to make members of any content.
enum StoredGzip {
  static func pack(_ bytes: [UInt8]) -> Data {
    precondition(bytes.count < 1 << 16)
    let count = UInt16(bytes.count)
    var data = Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 1])
    data.append(contentsOf: littleEndian(count) + littleEndian(~count) + bytes)
    data.append(contentsOf: littleEndian(crc(bytes)) + littleEndian(UInt32(bytes.count)))
    return data
  }

  private static func crc(_ bytes: [UInt8]) -> UInt32 {
    var sum = UInt32.max
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 0 ? sum >> 1 : (sum >> 1) ^ 0xEDB8_8320 }
    }
    return ~sum
  }

  private static func littleEndian<T: FixedWidthInteger>(_ number: T) -> [UInt8] {
    (0..<T.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }
}
