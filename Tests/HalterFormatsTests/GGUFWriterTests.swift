import Foundation
import Testing

@testable import HalterFormats

/// The pairs of `types.gguf`, as `Tests/Parity/formats.py` has them.
let goldenPairs: [(key: String, value: GGUFValue)] = [
  ("general.architecture", .string("llama")), ("k.u8", .uint8(200)), ("k.i8", .int8(-5)),
  ("k.u16", .uint16(60000)), ("k.i16", .int16(-30000)), ("k.u32", .uint32(4_000_000_000)),
  ("k.i32", .int32(-2_000_000_000)), ("k.f32", .float32(1.25)), ("k.bool", .bool(true)),
  ("k.string", .string("héllo ▁ wörld")), ("k.u64", .uint64(1 << 63 + 1)),
  ("k.i64", .int64(-(1 << 60))), ("k.f64", .float64(0.1)),
  ("k.strings", .array(.strings(["a", "", "▁b"]))), ("k.ints", .array(.int32([1, -2, 3]))),
  ("k.floats", .array(.float32([0.5, -1.5]))), ("k.bools", .array(.bool([true, false]))),
  ("k.nested", .array(.nested([.int32([1, 2]), .int32([3])]))),
]

@Suite struct GGUFWriterTests {
  @Test func writesTheSameBytesAsTheReference() throws {
    try withScratch { directory throws in
      let golden = try GGUFFile(try fixture("types.gguf"))
      let url = directory.appendingPathComponent("out.gguf")
      let sources = golden.tensors.map { TensorSource($0.name, copying: $0, from: golden) }
      try GGUFWriter.write(metadata: goldenPairs, tensors: sources, to: url)
      #expect(try Data(contentsOf: url) == Data(contentsOf: golden.url))
    }
  }

  @Test func roundTripsEveryArrayType() throws {
    let arrays: [GGUFArray] = [
      .uint8([1, 255]), .int8([-128]), .uint16([65535]), .int16([-1, 2]), .uint32([1 << 31]),
      .int32([]), .float32([.infinity, -0.5]), .bool([false, true]), .strings(["", "x\ny"]),
      .nested([.strings(["a"]), .nested([])]), .uint64([.max]), .int64([.min]), .float64([1e-300]),
    ]
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.gguf")
      let pairs = arrays.enumerated().map { (key: "k\($0)", value: GGUFValue.array($1)) }
      try GGUFWriter.write(metadata: pairs, tensors: [], to: url)
      let metadata = try GGUFFile(url).metadata
      for (number, array) in arrays.enumerated() {
        #expect(metadata["k\(number)"] == .array(array))
      }
    }
  }

  @Test func alignmentIsObeyed() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.gguf")
      let tensors = [
        TensorSource("a", shape: [3], floats: [1, 2, 3]),
        TensorSource("b", shape: [1], floats: [4]),
      ]
      try GGUFWriter.write(
        metadata: [("general.alignment", .uint32(256))], tensors: tensors, to: url)
      let file = try GGUFFile(url)
      #expect(file.alignment == 256)
      #expect(file.tensors.allSatisfy { $0.offset % 256 == 0 })
      #expect(try file.numbers("b", as: Float.self) == [4])
    }
  }

  @Test func refusesWhatCannotBeRead() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.gguf")
      let rows = TensorSource("rows", .q8_0, shape: [2, 31]) { [] }
      let axes = TensorSource("axes", .f32, shape: [1, 1, 1, 1, 1]) { [0, 0, 0, 0] }
      let bool = TensorSource("bool", .bool, shape: [1]) { [1] }
      let short = TensorSource("short", .f32, shape: [2]) { [0, 0, 0, 0] }
      for source in [rows, axes, bool, short] {
        let error = try formatError {
          try GGUFWriter.write(metadata: [], tensors: [source], to: url)
        }
        #expect(error.code == .invalidArgument && error.tensor == source.name)
      }
      let twice = try formatError {
        try GGUFWriter.write(
          metadata: [("k", .bool(true)), ("k", .bool(false))], tensors: [], to: url)
      }
      #expect(twice.tensor == "k")
      #expect(try names(in: directory).isEmpty)
    }
  }
}
