import Foundation
import Testing

@testable import HalterFormats

/// The tensors of `types.safetensors`, as `Tests/Parity/formats.py` has them, in another order.
func goldenTensors() -> [TensorSource] {
  func raw<T: BitwiseCopyable>(_ values: [T]) -> [UInt8] { values.withUnsafeBytes { [UInt8]($0) } }
  let ramp = Array(0..<6)
  return [
    TensorSource("i16", .i16, shape: [6], bytes: raw(ramp.map { Int16($0 - 3) })),
    TensorSource("a.f32", shape: [2], floats: [1.5, -2]),
    TensorSource("b.f32", shape: [2, 3], floats: ramp.map { Float($0) / 4 }),
    TensorSource("f64", .f64, shape: [2], bytes: raw([0.1, -1e300])),
    TensorSource(
      "f16", .f16, shape: [3, 2],
      bytes: raw([0, 0x3C00, 0x4000, 0x4200, 0x4400, 0x4500] as [UInt16])),
    TensorSource("i64", .i64, shape: [2], bytes: raw([-1, 1 << 40] as [Int64])),
    TensorSource("i32", .i32, shape: [6]) { raw(ramp.map { Int32($0 - 3) }) },
    TensorSource("i8", .i8, shape: [6], bytes: raw(ramp.map { Int8($0 - 3) })),
    TensorSource("u8", .u8, shape: [6], bytes: ramp.map { UInt8($0 + 250) }),
    TensorSource("bool", .bool, shape: [3], bytes: [1, 0, 1]),
    TensorSource("scalar", shape: [], floats: [7.25]),
    TensorSource("empty", shape: [0, 4], floats: []),
    TensorSource("odd \"name\"\\\n\té\u{2581}", .u8, shape: [1], bytes: [3]),
  ]
}

@Suite struct SafetensorsTests {
  @Test func readsEveryTypeOfAGoldenFile() throws {
    let file = try SafetensorsFile(try fixture("types.safetensors"))
    #expect(file.tensors.count == 13)
    #expect(file.metadata == ["format": "pt"])
    #expect(try file.numbers("b.f32", as: Float.self) == [0, 0.25, 0.5, 0.75, 1, 1.25])
    #expect(try file.numbers("f64", as: Double.self) == [0.1, -1e300])
    #expect(try file.numbers("i64", as: Int64.self) == [-1, 1 << 40])
    #expect(try file.numbers("i16", as: Int16.self) == [-3, -2, -1, 0, 1, 2])
    #expect(try file.numbers("u8", as: UInt8.self) == [250, 251, 252, 253, 254, 255])
    #expect(try file.require("f16").shape == [3, 2])
    #expect(try file.require("scalar").shape == [])
    #expect(try file.require("empty").byteCount == 0)
  }

  @Test func readsNamesThatNeedEscapes() throws {
    let file = try SafetensorsFile(try fixture("types.safetensors"))
    #expect(try file.numbers("odd \"name\"\\\n\té\u{2581}", as: UInt8.self) == [3])
  }

  @Test func writesTheSameBytesAsTheReference() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("out.safetensors")
      try SafetensorsWriter.write(goldenTensors(), metadata: ["format": "pt"], to: url)
      #expect(try Data(contentsOf: url) == Data(contentsOf: try fixture("types.safetensors")))
    }
  }

  @Test func writesTheSameEmptyFileAsTheReference() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("out.safetensors")
      try SafetensorsWriter.write([], to: url)
      #expect(try Data(contentsOf: url) == Data(contentsOf: try fixture("empty.safetensors")))
      #expect(try SafetensorsFile(url).tensors.isEmpty)
    }
  }

  @Test func copiesTensorsFromAnotherFile() throws {
    try withScratch { directory throws in
      let golden = try SafetensorsFile(try fixture("types.safetensors"))
      let url = directory.appendingPathComponent("copy.safetensors")
      let sources = golden.tensors.map { TensorSource($0.name, copying: $0, from: golden) }
      try SafetensorsWriter.write(sources, metadata: golden.metadata, to: url)
      #expect(try Data(contentsOf: url) == Data(contentsOf: golden.url))
    }
  }

  @Test func releasedTensorsStayReadable() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("big.safetensors")
      let numbers = (0..<100_000).map(Float.init)
      try SafetensorsWriter.write([TensorSource("x", shape: [100_000], floats: numbers)], to: url)
      let file = try SafetensorsFile(url)
      #expect(try file.numbers("x", as: Float.self) == numbers)
      file.release(try file.require("x"))
      #expect(try file.numbers("x", as: Float.self) == numbers)
    }
  }

  @Test func spanAndCopyGiveTheSameBytes() throws {
    let file = try SafetensorsFile(try fixture("types.safetensors"))
    let record = try file.require("i8")
    #expect(file.bytes(of: record) == [253, 254, 255, 0, 1, 2])
    #expect(file.withSpan(of: record) { $0.byteCount } == 6)
    #expect(
      file.withSpan(of: record) { $0.unsafeLoadUnaligned(fromByteOffset: 5, as: UInt8.self) } == 2)
  }

  @Test func missingTensorIsNamed() throws {
    let file = try SafetensorsFile(try fixture("types.safetensors"))
    let error = try formatError { _ = try file.require("nope") }
    #expect(error.code == .missing)
    #expect(error.description.contains("'nope'"))
    #expect(file.record(named: "nope") == nil)
  }

  @Test func refusesToReplaceUnlessTold() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.safetensors")
      try SafetensorsWriter.write([TensorSource("x", shape: [1], floats: [1])], to: url)
      let second = [TensorSource("x", shape: [1], floats: [2])]
      let error = try formatError { try SafetensorsWriter.write(second, to: url) }
      #expect(error.code == .fileExists)
      #expect(try SafetensorsFile(url).numbers("x", as: Float.self) == [1])
      try SafetensorsWriter.write(second, to: url, overwrite: true)
      #expect(try SafetensorsFile(url).numbers("x", as: Float.self) == [2])
    }
  }

  @Test func aFailingSourceLeavesTheOldFileAndNothingElse() throws {
    struct Broken: Error {}
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.safetensors")
      try SafetensorsWriter.write([TensorSource("x", shape: [1], floats: [1])], to: url)
      let sources = [
        TensorSource("a", shape: [2], floats: [2, 3]),
        TensorSource("b", .f32, shape: [1]) { throw Broken() },
      ]
      #expect(throws: Broken.self) {
        try SafetensorsWriter.write(sources, to: url, overwrite: true)
      }
      #expect(try SafetensorsFile(url).numbers("x", as: Float.self) == [1])
      #expect(try names(in: directory) == ["a.safetensors"])
    }
  }

  @Test func aSourceOfTheWrongLengthIsRefused() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.safetensors")
      let error = try formatError {
        try SafetensorsWriter.write([TensorSource("x", shape: [3], floats: [1])], to: url)
      }
      #expect(error.code == .invalidArgument)
      #expect(error.tensor == "x")
      #expect(error.message.contains("12 bytes but 4"))
      #expect(try names(in: directory).isEmpty)
    }
  }

  @Test(arguments: ["x", "__metadata__"]) func badNamesAreRefused(name: String) throws {
    try withScratch { directory throws in
      let sources = [
        TensorSource(name, shape: [1], floats: [1]), TensorSource("x", shape: [1], floats: [1]),
      ]
      let url = directory.appendingPathComponent("a.safetensors")
      let error = try formatError { try SafetensorsWriter.write(sources, to: url) }
      #expect(error.code == .invalidArgument && error.tensor == name)
    }
  }

  @Test func blockTypesCannotBeWritten() throws {
    try withScratch { directory throws in
      let source = TensorSource("x", .q8_0, shape: [32], bytes: [UInt8](repeating: 0, count: 34))
      let url = directory.appendingPathComponent("a.safetensors")
      let error = try formatError { try SafetensorsWriter.write([source], to: url) }
      #expect(error.code == .invalidArgument && error.message.contains("q8_0"))
    }
  }
}
