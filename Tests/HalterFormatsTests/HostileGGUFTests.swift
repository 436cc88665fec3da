import Foundation
import Testing

@testable import HalterFormats

/// A GGUF file put together by hand, so that it can be wrong in one place.
struct HandmadeGGUF {
  var bytes = Data("GGUF".utf8)

  init(version: UInt32 = 3, tensors: UInt64 = 0, pairs: UInt64 = 0) {
    add(version)
    add(tensors)
    add(pairs)
  }

  mutating func add(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func add(_ text: String) {
    add(UInt64(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  mutating func addTensor(_ name: String, _ sizes: [UInt64], type: UInt32 = 0, at offset: UInt64) {
    add(name)
    add(UInt32(sizes.count))
    for size in sizes { add(size) }
    add(type)
    add(offset)
  }

  func open(dataBytes: Int? = nil) throws -> GGUFFile {
    var whole = bytes
    if let dataBytes { whole.append(Data(count: (32 - whole.count % 32) % 32 + dataBytes)) }
    return try HandmadeGGUF.open(whole)
  }

  static func open(_ bytes: Data) throws -> GGUFFile {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("hostile.gguf")
      try bytes.write(to: url)
      return try GGUFFile(url)
    }
  }
}

@Suite struct HostileGGUFTests {
  @Test func readsVersion2() throws {
    var gguf = HandmadeGGUF(version: 2, tensors: 1)
    gguf.addTensor("x", [2, 3], at: 0)
    let file = try gguf.open(dataBytes: 24)
    #expect(file.version == 2)
    #expect(try file.require("x").shape == [3, 2])
  }

  @Test(arguments: [0, 1, 4, 1000] as [UInt32]) func otherVersions(version: UInt32) throws {
    let error = try formatError { _ = try HandmadeGGUF(version: version).open() }
    #expect(error.code == .unsupported && error.message.contains("version \(version)"))
  }

  @Test func bigEndianIsNamed() throws {
    let error = try formatError { _ = try HandmadeGGUF(version: UInt32(3).byteSwapped).open() }
    #expect(error.code == .unsupported && error.message.contains("big-endian"))
  }

  @Test func otherMagic() throws {
    let error = try formatError { _ = try HandmadeGGUF.open(Data("GGML0123456789".utf8)) }
    #expect(error.code == .malformed && error.offset == 0)
  }

  @Test func countsThatLie() throws {
    for count: UInt64 in [1, 1 << 32, .max] {
      let tensors = try formatError { _ = try HandmadeGGUF(tensors: count).open() }
      #expect(tensors.code == .truncated && tensors.message.contains("\(count) tensors"))
      let pairs = try formatError { _ = try HandmadeGGUF(pairs: count).open() }
      #expect(pairs.code == .truncated && pairs.message.contains("\(count) metadata pairs"))
    }
  }

  @Test(arguments: 0...12 as ClosedRange<UInt32>) func arrayCountsThatLie(type: UInt32) throws {
    var gguf = HandmadeGGUF(pairs: 1)
    gguf.add("k")
    gguf.add(UInt32(9))
    gguf.add(type)
    gguf.add(UInt64.max / 8)
    let error = try formatError { _ = try gguf.open() }
    #expect(error.code == .truncated && error.message.contains("array elements"))
  }

  @Test func stringLengthBeyondTheFile() throws {
    var gguf = HandmadeGGUF(pairs: 1)
    gguf.add(UInt64.max)
    gguf.add(UInt64(0))
    let error = try formatError { _ = try gguf.open() }
    #expect(error.code == .truncated && error.message.contains("bytes of a metadata key"))
    #expect(error.offset == 24)
  }

  @Test func stringsMustBeUTF8() throws {
    var gguf = HandmadeGGUF(pairs: 1)
    gguf.add(UInt64(2))
    gguf.bytes.append(contentsOf: [0xC3, 0x28])
    gguf.add(UInt32(4))
    gguf.add(UInt32(1))
    let error = try formatError { _ = try gguf.open() }
    #expect(error.code == .malformed && error.message.contains("UTF-8"))
  }

  @Test func duplicateKeys() throws {
    var gguf = HandmadeGGUF(pairs: 2)
    for _ in 0..<2 {
      gguf.add("k")
      gguf.add(UInt32(4))
      gguf.add(UInt32(1))
    }
    let error = try formatError { _ = try gguf.open() }
    #expect(error.tensor == "k" && error.message.contains("twice"))
  }

  @Test func duplicateTensors() throws {
    var gguf = HandmadeGGUF(tensors: 2)
    gguf.addTensor("x", [8], at: 0)
    gguf.addTensor("x", [8], at: 32)
    let error = try formatError { _ = try gguf.open(dataBytes: 64) }
    #expect(error.tensor == "x" && error.message.contains("twice"))
  }

  @Test func overlappingTensors() throws {
    var gguf = HandmadeGGUF(tensors: 2)
    gguf.addTensor("x", [16], at: 0)
    gguf.addTensor("y", [8], at: 32)
    let error = try formatError { _ = try gguf.open(dataBytes: 64) }
    #expect(error.tensor == "y" && error.message.contains("overlaps"))
  }

  @Test(arguments: [32, 64, 1 << 40, UInt64.max - 31]) func offsetsBeyondTheFile(
    offset: UInt64
  ) throws {
    var gguf = HandmadeGGUF(tensors: 1)
    gguf.addTensor("x", [8], at: offset)
    let error = try formatError { _ = try gguf.open(dataBytes: 32) }
    #expect(error.code == .truncated && error.tensor == "x")
  }

  @Test func offsetsMustBeAligned() throws {
    var gguf = HandmadeGGUF(tensors: 1)
    gguf.addTensor("x", [1], at: 4)
    let error = try formatError { _ = try gguf.open(dataBytes: 32) }
    #expect(error.message.contains("no multiple of the alignment 32"))
  }

  @Test(arguments: [0, 3, 33, 1 << 31] as [UInt32]) func oddAlignments(alignment: UInt32) throws {
    var gguf = HandmadeGGUF(pairs: 1)
    gguf.add("general.alignment")
    gguf.add(UInt32(4))
    gguf.add(alignment)
    let error = try formatError { _ = try gguf.open() }
    #expect(error.code == .malformed && error.tensor == "general.alignment")
  }

  @Test(arguments: [4, 5, 31, 36, 99, .max] as [UInt32])
  func unknownTensorTypes(type: UInt32) throws {
    var gguf = HandmadeGGUF(tensors: 1)
    gguf.addTensor("x", [32], type: type, at: 0)
    let error = try formatError { _ = try gguf.open(dataBytes: 128) }
    #expect(error.code == .unsupported && error.message.contains("type \(type) "))
  }

  @Test func unknownMetadataTypes() throws {
    var gguf = HandmadeGGUF(pairs: 1)
    gguf.add("k")
    gguf.add(UInt32(13))
    let error = try formatError { _ = try gguf.open(dataBytes: 0) }
    #expect(error.code == .unsupported && error.tensor == "k")
  }

  @Test func tooManyAxes() throws {
    var gguf = HandmadeGGUF(tensors: 1)
    gguf.addTensor("x", [1, 1, 1, 1, 1], at: 0)
    let error = try formatError { _ = try gguf.open(dataBytes: 32) }
    #expect(error.message.contains("5 axes"))
  }

  @Test(arguments: [[1 << 40, 1 << 40], [.max], [1 << 63, 2], [1 << 41, 1 << 41, 1 << 41, 0]])
  func overflowingShapes(sizes: [UInt64]) throws {
    var gguf = HandmadeGGUF(tensors: 1)
    gguf.addTensor("x", sizes, at: 0)
    #expect(try formatError { _ = try gguf.open(dataBytes: 32) }.code == .malformed)
  }

  @Test func rowsMustBeWholeBlocks() throws {
    var gguf = HandmadeGGUF(tensors: 1)
    gguf.addTensor("x", [48, 2], type: 8, at: 0)
    let error = try formatError { _ = try gguf.open(dataBytes: 102) }
    #expect(error.message.contains("no whole number of q8_0 blocks of 32"))
  }

  @Test func endlessNestingIsRefused() throws {
    var gguf = HandmadeGGUF(pairs: 1)
    gguf.add("k")
    gguf.add(UInt32(9))
    for _ in 0..<10_000 {
      gguf.add(UInt32(9))
      gguf.add(UInt64(1))
    }
    gguf.add(UInt32(0))
    gguf.add(UInt64(0))
    let error = try formatError { _ = try gguf.open() }
    #expect(error.message.contains("nested too deeply"))
  }

  @Test func oddTruthValue() throws {
    var gguf = HandmadeGGUF(pairs: 1)
    gguf.add("k")
    gguf.add(UInt32(7))
    gguf.add(UInt8(2))
    let error = try formatError { _ = try gguf.open() }
    #expect(error.code == .malformed && error.message.contains("truth value is 2"))
  }

  @Test func splitFilesAreNamed() throws {
    var gguf = HandmadeGGUF(pairs: 1)
    gguf.add("split.count")
    gguf.add(UInt32(2))
    gguf.add(UInt16(3))
    let error = try formatError { _ = try gguf.open() }
    #expect(error.code == .unsupported && error.message.contains("3 parts"))
  }

  @Test func accessorsSayWhatWasFound() throws {
    let metadata = try GGUFFile(try fixture("types.gguf")).metadata
    let missing = try formatError { _ = try metadata.string("nope") }
    #expect(missing.code == .missing && missing.tensor == "nope")
    let wrong = try formatError { _ = try metadata.integer("k.string") }
    #expect(wrong.code == .wrongType)
    #expect(wrong.message.contains("holds text where an integer was expected"))
    #expect(try formatError { _ = try metadata.integer("k.u64") }.code == .wrongType)
    #expect(try formatError { _ = try metadata.strings("k.ints") }.code == .wrongType)
    #expect(try formatError { _ = try metadata.floats("k.strings") }.code == .wrongType)
    #expect(try formatError { _ = try metadata.bool("k.u8") }.code == .wrongType)
    #expect(try formatError { _ = try metadata.float("k.u8") }.code == .wrongType)
    #expect(try metadata.float("k.f32") == 1.25)
    #expect(try metadata.bool("k.bool"))
    #expect(try metadata.integer("k.u16") == 60000)
  }

  @Test func truncationAnywhereIsAnError() throws {
    let whole = try Data(contentsOf: try fixture("types.gguf"))
    // The last tensor's 12 bytes are followed by padding that may be missing.
    for count in 0..<whole.count - 20 {
      _ = try formatError { _ = try HandmadeGGUF.open(whole.prefix(count)) }
    }
    #expect(try HandmadeGGUF.open(whole.dropLast(20)).tensors.count == 4)
  }

  @Test func anyFlippedBitGivesAFileOrAnError() throws {
    var bytes = [UInt8](try Data(contentsOf: try fixture("types.gguf")))
    var errors = 0
    for (position, bit) in bytes.indices.flatMap({ index in (0..<8).map { (index, $0) } }) {
      bytes[position] ^= 1 << bit
      defer { bytes[position] ^= 1 << bit }
      bytes.withUnsafeBytes { raw in
        do throws(FormatError) {
          let header = try GGUFHeader(raw, path: "flipped")
          let inside = header.records.allSatisfy {
            $0.offset >= header.dataStart && $0.offset + $0.byteCount <= raw.count
          }
          if !inside { Issue.record("a tensor beyond the end, bit \(bit) of byte \(position)") }
        } catch {
          errors += 1
        }
      }
    }
    #expect(errors > 1000)
  }
}
