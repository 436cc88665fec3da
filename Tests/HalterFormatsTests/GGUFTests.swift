import Foundation
import Testing

@testable import HalterFormats

@Suite struct GGUFTests {
  @Test func readsEveryMetadataType() throws {
    let metadata = try GGUFFile(try fixture("types.gguf")).metadata
    #expect(metadata["k.u8"] == .uint8(200))
    #expect(metadata["k.i8"] == .int8(-5))
    #expect(metadata["k.u16"] == .uint16(60000))
    #expect(metadata["k.i16"] == .int16(-30000))
    #expect(metadata["k.u32"] == .uint32(4_000_000_000))
    #expect(metadata["k.i32"] == .int32(-2_000_000_000))
    #expect(metadata["k.f32"] == .float32(1.25))
    #expect(metadata["k.bool"] == .bool(true))
    #expect(metadata["k.string"] == .string("héllo ▁ wörld"))
    #expect(metadata["k.u64"] == .uint64(1 << 63 + 1))
    #expect(metadata["k.i64"] == .int64(-(1 << 60)))
    #expect(metadata["k.f64"] == .float64(0.1))
  }

  @Test func readsArraysOfEveryKind() throws {
    let metadata = try GGUFFile(try fixture("types.gguf")).metadata
    #expect(try metadata.strings("k.strings") == ["a", "", "▁b"])
    #expect(try metadata.integers("k.ints") == [1, -2, 3])
    #expect(try metadata.floats("k.floats") == [0.5, -1.5])
    #expect(metadata["k.bools"] == .array(.bool([true, false])))
    #expect(metadata["k.nested"] == .array(.nested([.int32([1, 2]), .int32([3])])))
  }

  @Test func shapesAreOutermostFirst() throws {
    let file = try GGUFFile(try fixture("types.gguf"))
    #expect(file.version == 3)
    #expect(file.alignment == 32)
    #expect(file.tensors.map(\.name) == ["plain.weight", "half.weight", "q8.weight", "odd.bias"])
    #expect(try file.require("plain.weight").shape == [2, 32])
    #expect(try file.require("q8.weight").type == .q8_0)
    #expect(try file.require("q8.weight").byteCount == 68)
    #expect(try file.numbers("odd.bias", as: Float.self) == [0, 1, 2])
    let expected = (0..<64).map { Float($0) / 8 - 3 }
    #expect(try file.numbers("plain.weight", as: Float.self) == expected)
  }
}
