import Foundation
import Testing

@testable import HalterFormats

@Suite struct HDF5Tests {
  private let ramp = (0..<1000).map { Float($0) / 8 }

  private func withState(_ body: (URL) throws -> Void) throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("state.h5")
      try writeState(to: url, ramp: ramp)
      try body(url)
    }
  }

  @Test func roundTripsEveryType() throws {
    try withState { url throws in
      let file = try HDF5Reader(url)
      #expect(try file.read("adam/m", as: Float.self) == ramp)
      #expect(try file.read("adam/packed", as: Float.self) == ramp)
      #expect(try file.read("i32", as: Int32.self) == [-1, 5])
      #expect(try file.read("i64", as: Int64.self) == [-(1 << 60)])
      #expect(try file.read("u8", as: UInt8.self) == [0, 255])
      #expect(try file.read("/u64", as: UInt64.self) == [.max])
      #expect(try file.read("f64", as: Double.self) == [0.1])
      #expect(try file.read("none", as: Float.self) == [])
    }
  }

  @Test func listsDatasetsWithShapesAndTypes() throws {
    try withState { url throws in
      let file = try HDF5Reader(url)
      #expect(
        file.datasets.map(\.name)
          == ["adam/m", "adam/packed", "f64", "i32", "i64", "none", "scalar", "u64", "u8"])
      #expect(try file.dataset("adam/m").shape == [10, 100])
      #expect(try file.dataset("/scalar").shape == [])
      #expect(try file.dataset("u64").type == .uint64)
    }
  }

  @Test func attributesRoundTrip() throws {
    try withState { url throws in
      let file = try HDF5Reader(url)
      #expect(try file.attribute("title") == "héllo")
      #expect(try file.attribute("note", on: "/adam") == "inside")
      #expect(try file.attribute("unit", on: "i32") == "tokens")
      #expect(try file.attribute("nope") == nil)
      #expect(try file.attribute("config")?.utf8.count == 100_000)
      #expect(try formatError { _ = try file.attribute("x", on: "/gone") }.code == .missing)
    }
  }

  @Test func readsWhatH5pyWrote() throws {
    let file = try HDF5Reader(try fixture("types.h5"))
    #expect(try file.read("f32", as: Float.self) == [0, 1, 2, 3, 4, 5])
    #expect(try file.dataset("f32").shape == [2, 3])
    #expect(try file.read("scalar", as: Float.self) == [2.5])
    #expect(try file.read("group/i32", as: Int32.self) == [-1, 5])
    #expect(try file.read("group/big-endian", as: Int64.self) == [1, 2, 3])
    #expect(try file.read("group/u8", as: UInt8.self) == [1, 255])
    #expect(try file.read("group/u64", as: UInt64.self) == [1 << 63 + 5])
    #expect(try file.read("group/f64", as: Double.self) == [0.1, -2.5])
    #expect(try file.read("group/empty", as: Float.self) == [])
    #expect(try file.attribute("title") == "héllo")
    #expect(try file.attribute("fixed") == "ascii")
    #expect(try file.attribute("note", on: "group") == "inside")
  }

  @Test func otherTypesAreNotConverted() throws {
    let file = try HDF5Reader(try fixture("types.h5"))
    let error = try formatError { _ = try file.read("group/i32", as: Float.self) }
    #expect(error.code == .wrongType)
    #expect(error.message.contains("holds int32 where float32 was expected"))
    #expect(try file.dataset("group/text").type == nil)
    #expect(try formatError { _ = try file.read("group/text", as: UInt8.self) }.code == .wrongType)
    #expect(try formatError { _ = try file.attribute("number") }.code == .wrongType)
  }

  @Test func missingDatasetsAreNamed() throws {
    let file = try HDF5Reader(try fixture("types.h5"))
    let error = try formatError { _ = try file.read("nope", as: Float.self) }
    #expect(error.code == .missing && error.tensor == "nope")
  }

  @Test func otherFilesAreRefused() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.h5")
      #expect(try formatError { _ = try HDF5Reader(url) }.code == .notFound)
      try Data().write(to: url)
      #expect(try formatError { _ = try HDF5Reader(url) }.code == .truncated)
      try Data(repeating: 7, count: 5000).write(to: url)
      let error = try formatError { _ = try HDF5Reader(url) }
      #expect(error.code == .malformed && error.path == url.path)
    }
  }

  @Test func truncatedFilesAreRefused() throws {
    let whole = try Data(contentsOf: try fixture("types.h5"))
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("cut.h5")
      for count in stride(from: 0, to: whole.count, by: 97) {
        try whole.prefix(count).write(to: url)
        _ = try formatError { _ = try HDF5Reader(url) }
      }
    }
  }

  @Test func shapesMustBeFilled() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.h5")
      let error = try formatError {
        try HDF5Writer.write(to: url) { file in
          try file.write([1, 2, 3] as [Float], to: "x", shape: [2, 2])
        }
      }
      #expect(error.code == .invalidArgument && error.tensor == "x")
      #expect(try names(in: directory).isEmpty)
    }
  }

  @Test func aNameTwiceIsAnErrorAndLeavesTheOldFile() throws {
    try withState { url throws in
      let error = try formatError {
        try HDF5Writer.write(to: url, overwrite: true) { file in
          try file.write([1] as [Float], to: "x")
          try file.write([2] as [Float], to: "x")
        }
      }
      #expect(error.path == url.path && error.tensor == "x")
      #expect(error.message.contains("make the dataset: "))
      #expect(try HDF5Reader(url).read("i32", as: Int32.self) == [-1, 5])
      #expect(try names(in: url.deletingLastPathComponent()) == ["state.h5"])
    }
  }

  @Test func refusesToReplaceUnlessTold() throws {
    try withState { url throws in
      let error = try formatError { try HDF5Writer.write(to: url) { _ in } }
      #expect(error.code == .fileExists)
    }
  }

  @Test(arguments: ["", "a\0b"]) func oddNamesAreRefused(name: String) throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.h5")
      let error = try formatError {
        try HDF5Writer.write(to: url) { try $0.write([1] as [Float], to: name) }
      }
      #expect(error.code == .invalidArgument)
    }
  }

  @Test func chunksStayNearTheirSize() {
    #expect(HDF5Writer.chunk(of: [10, 100], bytesPerElement: 4) == [10, 100])
    #expect(HDF5Writer.chunk(of: [1_000_000], bytesPerElement: 4) == [65536])
    #expect(HDF5Writer.chunk(of: [1000, 1000], bytesPerElement: 4) == [65, 1000])
    #expect(HDF5Writer.chunk(of: [5, 1_000_000], bytesPerElement: 1) == [1, 262_144])
  }

  @Test func filesCanBeUsedFromManyTasks() async throws {
    let url = try fixture("types.h5")
    try await withThrowingTaskGroup(of: [Float].self) { group in
      for _ in 0..<16 {
        group.addTask { try HDF5Reader(url).read("f32", as: Float.self) }
      }
      for try await values in group { #expect(values == [0, 1, 2, 3, 4, 5]) }
    }
  }
}

/// The file that `Tests/Parity/formats.py --check` reads.
func writeState(to url: URL, ramp: [Float]) throws {
  try HDF5Writer.write(to: url) { file in
    try file.setAttribute("héllo", for: "title")
    try file.setAttribute(String(repeating: "x", count: 100_000), for: "config")
    try file.setAttribute("inside", for: "note", on: "/adam")
    try file.write(ramp, to: "/adam/m", shape: [10, 100])
    try file.write(ramp, to: "/adam/packed", shape: [10, 100], compression: 6)
    try file.write([-1, 5] as [Int32], to: "i32")
    try file.setAttribute("tokens", for: "unit", on: "i32")
    try file.write([-(1 << 60)] as [Int64], to: "i64")
    try file.write([0, 255] as [UInt8], to: "u8")
    try file.write([.max] as [UInt64], to: "u64")
    try file.write([0.1] as [Double], to: "f64")
    try file.write([2.5] as [Float], to: "scalar", shape: [])
    try file.write([] as [Float], to: "none", compression: 6)
  }
}

@Suite struct FormatsParityTests {
  /// With `HALTER_PARITY_OUTPUT` set to a directory, leaves files there for
  /// `Tests/Parity/formats.py --check`; otherwise checks that they can be written.
  @Test func writesFilesForTheReferencePackages() throws {
    try withScratch { scratch throws in
      let directory =
        ProcessInfo.processInfo.environment["HALTER_PARITY_OUTPUT"].map(URL.init(fileURLWithPath:))
        ?? scratch
      let golden = try GGUFFile(try fixture("types.gguf"))
      let sources = golden.tensors.map { TensorSource($0.name, copying: $0, from: golden) }
      try SafetensorsWriter.write(
        goldenTensors(), metadata: ["format": "pt"],
        to: directory.appendingPathComponent("types.safetensors"))
      try GGUFWriter.write(
        metadata: goldenPairs, tensors: sources,
        to: directory.appendingPathComponent("types.gguf"))
      try writeState(
        to: directory.appendingPathComponent("state.h5"), ramp: (0..<1000).map { Float($0) / 8 })
      #expect(try names(in: directory).count >= 3)
    }
  }
}
