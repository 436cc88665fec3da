import Foundation
import Testing

@testable import HalterFormats

/// Opens a file with this header text and this much data.
func openSafetensors(
  _ header: String, dataBytes: Int = 0, statedLength: UInt64? = nil
) throws -> SafetensorsFile {
  var bytes = Data()
  withUnsafeBytes(of: (statedLength ?? UInt64(header.utf8.count)).littleEndian) {
    bytes.append(contentsOf: $0)
  }
  bytes.append(contentsOf: header.utf8)
  bytes.append(Data(count: dataBytes))
  return try openSafetensors(bytes)
}

func openSafetensors(_ bytes: Data) throws -> SafetensorsFile {
  try withScratch { directory throws in
    let url = directory.appendingPathComponent("hostile.safetensors")
    try bytes.write(to: url)
    return try SafetensorsFile(url)
  }
}

private func entry(_ name: String, _ type: String, _ shape: String, _ range: String) -> String {
  #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(range)}"#
}

@Suite struct HostileSafetensorsTests {
  @Test func tooShortForALength() throws {
    for count in 0..<8 {
      let error = try formatError { _ = try openSafetensors(Data(count: count)) }
      #expect(error.code == .truncated)
      #expect(error.message.contains("\(count) bytes"))
    }
  }

  @Test func lengthBeyondTheFile() throws {
    let error = try formatError { _ = try openSafetensors("{}", statedLength: 3) }
    #expect(error.code == .truncated && error.offset == 0)
  }

  @Test(arguments: [100_000_001, UInt64.max, 1 << 63])
  func lengthBeyondReason(length: UInt64) throws {
    let error = try formatError { _ = try openSafetensors("{}", statedLength: length) }
    #expect(error.code == .malformed && error.message.contains("\(length)"))
  }

  @Test func gapsAreFound() throws {
    let header =
      "{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "U8", "[2]", "[3,5]") + "}"
    let error = try formatError { _ = try openSafetensors(header, dataBytes: 5) }
    #expect(error.tensor == "b" && error.message.contains("gap"))
  }

  @Test func overlapsAreFound() throws {
    let header =
      "{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "U8", "[2]", "[1,3]") + "}"
    let error = try formatError { _ = try openSafetensors(header, dataBytes: 3) }
    #expect(error.tensor == "b" && error.message.contains("overlaps"))
  }

  @Test func sharedBytesAreFound() throws {
    let header =
      "{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "U8", "[2]", "[0,2]") + "}"
    let error = try formatError { _ = try openSafetensors(header, dataBytes: 2) }
    #expect(error.message.contains("overlaps"))
  }

  @Test func trailingBytesAreFound() throws {
    let header = "{" + entry("a", "U8", "[2]", "[0,2]") + "}"
    let error = try formatError { _ = try openSafetensors(header, dataBytes: 3) }
    #expect(error.message.contains("1 bytes follow"))
    #expect(error.offset == 8 + header.utf8.count + 2)
  }

  @Test func missingDataIsFound() throws {
    let header = "{" + entry("a", "F32", "[2]", "[0,8]") + "}"
    let error = try formatError { _ = try openSafetensors(header, dataBytes: 7) }
    #expect(error.code == .truncated && error.tensor == "a")
  }

  @Test func sizesMustMatchShapes() throws {
    let header = "{" + entry("a", "F32", "[2,3]", "[0,20]") + "}"
    let error = try formatError { _ = try openSafetensors(header, dataBytes: 20) }
    #expect(error.message.contains("takes 24 bytes but the header gives it 20"))
  }

  @Test(arguments: [
    "[9223372036854775807,2]", "[4294967296,4294967296]", "[0,9223372036854775807,4]",
    "[3074457345618258603,3]",
  ])
  func overflowingShapes(shape: String) throws {
    let header = "{" + entry("a", "F32", shape, "[0,0]") + "}"
    let error = try formatError { _ = try openSafetensors(header) }
    #expect(error.code == .malformed && error.message.contains("too large"))
  }

  @Test(arguments: [
    "[-1]", "[1.0]", "[1e1]", "[01]", "[99999999999999999999]", "[\"1\"]", "[null]", "[1", "[1,]",
    "1", "{}", "[[1]]", "[ - 1]",
  ])
  func oddShapes(shape: String) throws {
    let header = "{" + entry("a", "U8", shape, "[0,1]") + "}"
    #expect(try formatError { _ = try openSafetensors(header, dataBytes: 1) }.code == .malformed)
  }

  @Test(arguments: ["[1,0]", "[0]", "[0,1,2]", "[]", "[-1,0]", "[0,18446744073709551615]"])
  func oddRanges(range: String) throws {
    let header = "{" + entry("a", "U8", "[1]", range) + "}"
    #expect(try formatError { _ = try openSafetensors(header, dataBytes: 1) }.code == .malformed)
  }

  @Test(arguments: ["F31", "f32", "", "BFLOAT16", "F4"]) func unknownTypes(type: String) throws {
    let header = "{" + entry("a", type, "[1]", "[0,1]") + "}"
    let error = try formatError { _ = try openSafetensors(header, dataBytes: 1) }
    #expect(error.code == .unsupported && error.tensor == "a")
  }

  @Test func smallFloatsAreKnownAndListed() throws {
    let header = "{" + entry("a", "F8_E4M3", "[2]", "[0,2]") + "}"
    let file = try openSafetensors(header, dataBytes: 2)
    #expect(file.tensors.first?.type == .f8_e4m3)
  }

  @Test func duplicateTensorsAreFound() throws {
    let same = entry("a", "U8", "[1]", "[0,1]")
    let error = try formatError { _ = try openSafetensors("{\(same),\(same)}", dataBytes: 1) }
    #expect(error.message.contains("the key \"a\" stands twice") && error.offset == 61)
  }

  @Test(arguments: [
    #"{"__metadata__":{"a":1}}"#, #"{"__metadata__":{"a":null}}"#, #"{"__metadata__":[]}"#,
    #"{"__metadata__":{},"__metadata__":{}}"#, #"{"__metadata__":{"a":"1","a":"2"}}"#,
  ])
  func oddMetadata(header: String) throws {
    #expect(try formatError { _ = try openSafetensors(header) }.code == .malformed)
  }

  @Test(arguments: [
    "", "{", "}", "[]", "null", "{}x", "{} {}", "{}\u{0}", #"{"a"}"#, #"{"a":}"#, #"{"a":{}}"#,
    #"{"a":{"dtype":"U8"}}"#, #"{"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}"#,
    #"{"a\x":{}}"#, #"{"a\ud800":{}}"#, #"{"a\udc00":{}}"#, #"{"a\ud800A":{}}"#, #"{"a\u12"#,
    #"{"a\u00zz":{}}"#, "{\"a\nb\":{}}", #"{"a"#, #"{"a\"#, "{,}", #"{"a":1,}"#,
  ])
  func brokenText(header: String) throws {
    #expect(try formatError { _ = try openSafetensors(header) }.code == .malformed)
  }

  @Test func notUTF8() throws {
    var bytes = Data([6, 0, 0, 0, 0, 0, 0, 0])
    bytes.append(contentsOf: [0x7B, 0x22, 0xFF, 0xFE, 0x22, 0x7D])
    let error = try formatError { _ = try openSafetensors(bytes) }
    #expect(error.code == .malformed && error.message.contains("UTF-8"))
  }

  @Test func deepNestingIsRefusedWithoutRecursion() throws {
    let deep = String(repeating: "[", count: 1_000_000)
    let error = try formatError { _ = try openSafetensors(#"{"a":{"extra":\#(deep)"#) }
    #expect(error.message.contains("nested more than"))
  }

  @Test func unknownFieldsSpacesAndUnalignedDataAreAccepted() throws {
    let header = """
       { "x" : { "dtype" : "U8", "extra": {"a": [1, -2.5e3, "]", {}], "b": null}, \
      "shape" : [ 1 ] , "data_offsets" : [ 0 , 1 ] } ,
        "\\u0079\\ud83d\\ude00" : {"data_offsets":[1,5],"shape":[1],"dtype":"F32"} }\u{20}\u{20}
      """
    let file = try openSafetensors(header, dataBytes: 5)
    #expect(file.tensors.map(\.name) == ["x", "y😀"])
    #expect(try file.numbers("y😀", as: Float.self) == [0])
  }

  @Test func truncationAnywhereIsAnErrorOfThisFile() throws {
    let whole = try Data(contentsOf: try fixture("types.safetensors"))
    for count in 0..<whole.count {
      let error = try formatError { _ = try openSafetensors(whole.prefix(count)) }
      #expect(error.path?.hasSuffix("hostile.safetensors") == true)
    }
  }

  @Test func anyFlippedBitGivesAFileOrAnError() throws {
    var bytes = [UInt8](try Data(contentsOf: try fixture("types.safetensors")))
    var errors = 0
    for (position, bit) in bytes.indices.flatMap({ index in (0..<8).map { (index, $0) } }) {
      bytes[position] ^= 1 << bit
      defer { bytes[position] ^= 1 << bit }
      bytes.withUnsafeBytes { raw in
        do throws(FormatError) {
          let header = try SafetensorsHeader(raw, path: "flipped")
          let inside = header.records.allSatisfy {
            $0.offset >= header.dataStart && $0.offset + $0.byteCount <= raw.count
          }
          if !inside { Issue.record("a tensor beyond the end, bit \(bit) of byte \(position)") }
        } catch {
          errors += 1
        }
      }
    }
    #expect(errors > 4000)
  }
}
