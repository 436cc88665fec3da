import Foundation
import Testing

@testable import HalterFormats

@Suite struct StorageTypeTests {
  @Test func blocksAgreeWithTheReference() throws {
    struct Row: Decodable {
      let name: String
      let elements: Int
      let bytes: Int
      init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        name = try list.decode(String.self)
        elements = try list.decode(Int.self)
        bytes = try list.decode(Int.self)
      }
    }
    let data = try Data(contentsOf: try fixture("gguf-types.json"))
    let table = try JSONDecoder().decode([String: Row].self, from: data)
    #expect(table.count == 34)
    for (id, row) in table {
      let number = try #require(UInt32(id))
      let type = try #require(StorageType(gguf: number), "type \(row.name)")
      #expect(type.rawValue == row.name.lowercased())
      #expect(type.blockSize == row.elements && type.bytesPerBlock == row.bytes, "\(row.name)")
      #expect(type.ggufID == number)
    }
  }

  @Test func safetensorsNamesRoundTrip() {
    for type in StorageType.allCases {
      if let name = type.safetensorsName { #expect(StorageType(safetensors: name) == type) }
    }
    #expect(StorageType.allCases.count { $0.safetensorsName != nil } == 19)
    #expect(StorageType(safetensors: "F32") == .f32)
    #expect(StorageType(safetensors: "f32") == nil)
  }

  @Test func byteCounts() {
    #expect(StorageType.f32.byteCount(shape: [2, 3]) == 24)
    #expect(StorageType.f32.byteCount(shape: []) == 4)
    #expect(StorageType.f32.byteCount(shape: [0, 3]) == 0)
    #expect(StorageType.q4_k.byteCount(shape: [3, 512]) == 3 * 2 * 144)
    #expect(StorageType.q4_k.byteCount(shape: [512, 3]) == nil)
    #expect(StorageType.q8_0.byteCount(shape: []) == nil)
    #expect(StorageType.f32.byteCount(shape: [-1]) == nil)
    #expect(StorageType.f32.byteCount(shape: [.max, 2]) == nil)
    #expect(StorageType.f64.byteCount(shape: [.max / 4]) == nil)
    #expect(StorageType.u8.byteCount(shape: [0, .max, .max]) == nil)
  }

  @Test func kinds() {
    #expect(StorageType.bf16.isPlainFloat && !StorageType.bf16.isQuantized)
    #expect(!StorageType.q4_0.isPlainFloat && StorageType.q4_0.isQuantized)
    #expect(!StorageType.f8_e4m3.isPlainFloat && !StorageType.i32.isPlainFloat)
  }
}
