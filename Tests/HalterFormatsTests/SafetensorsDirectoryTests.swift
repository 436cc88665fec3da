import Foundation
import Testing

@testable import HalterFormats

@Suite struct SafetensorsDirectoryTests {
  private func write(_ name: String, _ tensors: [String: Float], in directory: URL) throws {
    let sources = tensors.map { TensorSource($0.key, shape: [1], floats: [$0.value]) }
    try SafetensorsWriter.write(sources, to: directory.appendingPathComponent(name))
  }

  private func writeIndex(_ text: String, in directory: URL) throws {
    let url = directory.appendingPathComponent("model.safetensors.index.json")
    try AtomicWrite.write(text, to: url)
  }

  @Test func presentsShardsAsOneFile() throws {
    let file = try SafetensorsDirectory(try fixture("sharded"))
    #expect(file.tensors.map(\.name) == ["x", "y"])
    #expect(file.shards.count == 2)
    #expect(try file.numbers("x", as: Float.self) == [0, 1, 2, 3])
    #expect(try file.numbers("y", as: Float.self) == [0, 2, 4])
    file.release(try file.require("y"))
    #expect(try file.numbers("y", as: Float.self) == [0, 2, 4])
  }

  @Test func opensASingleFile() throws {
    try withScratch { directory throws in
      try write("adapter_model.safetensors", ["a": 1], in: directory)
      let file = try SafetensorsDirectory(directory, name: "adapter_model")
      #expect(try file.numbers("a", as: Float.self) == [1])
    }
  }

  @Test func missingShardsAreNamedTogether() throws {
    try withScratch { directory throws in
      try write("1.safetensors", ["a": 1], in: directory)
      try writeIndex(
        #"{"weight_map":{"a":"1.safetensors","b":"2.safetensors","c":"3.safetensors"}}"#,
        in: directory)
      let error = try formatError { _ = try SafetensorsDirectory(directory) }
      #expect(error.code == .notFound)
      #expect(error.message == "2 of 3 shards are missing: 2.safetensors, 3.safetensors")
    }
  }

  @Test func tensorsTheIndexPromisesMustBeThere() throws {
    try withScratch { directory throws in
      try write("1.safetensors", ["a": 1], in: directory)
      try writeIndex(
        #"{"weight_map":{"a":"1.safetensors","b":"1.safetensors"}}"#, in: directory)
      let error = try formatError { _ = try SafetensorsDirectory(directory) }
      #expect(error.code == .missing && error.tensor == "b")
    }
  }

  @Test func theIndexDecidesBetweenShards() throws {
    try withScratch { directory throws in
      try write("1.safetensors", ["a": 1, "b": 5], in: directory)
      try write("2.safetensors", ["a": 2], in: directory)
      try writeIndex(
        #"{"metadata":{"total_size":8.0},"weight_map":{"a":"2.safetensors","b":"1.safetensors"}}"#,
        in: directory)
      let file = try SafetensorsDirectory(directory)
      #expect(try file.numbers("a", as: Float.self) == [2])
      #expect(file.tensors.count == 2)
    }
  }

  @Test(arguments: ["../x.safetensors", "/etc/passwd", "..", ".", "", "a/b.safetensors"])
  func namesCannotLeadOutside(name: String) throws {
    try withScratch { directory throws in
      try writeIndex(#"{"weight_map":{"a":"\#(name)"}}"#, in: directory)
      let error = try formatError { _ = try SafetensorsDirectory(directory) }
      #expect(error.code == .malformed && error.message.contains("plain file name"))
    }
  }

  @Test(arguments: ["", "[]", "{}", #"{"weight_map":{}}"#, #"{"weight_map":{"a":1}}"#, "{"])
  func oddIndexes(text: String) throws {
    try withScratch { directory throws in
      try writeIndex(text, in: directory)
      #expect(try formatError { _ = try SafetensorsDirectory(directory) }.code == .malformed)
    }
  }

  @Test func picklesAreExplained() throws {
    try withScratch { directory throws in
      try AtomicWrite.write("x", to: directory.appendingPathComponent("pytorch_model.bin"))
      let error = try formatError { _ = try SafetensorsDirectory(directory) }
      #expect(error.code == .notFound && error.mend?.contains("pickles") == true)
    }
    let gone = URL(fileURLWithPath: "/nonexistent/model")
    #expect(try formatError { _ = try SafetensorsDirectory(gone) }.code == .notFound)
  }

  @Test func formatsAreToldApartByContent() throws {
    #expect(try Weights.open(try fixture("sharded")) is SafetensorsDirectory)
    #expect(try Weights.open(try fixture("types.safetensors")) is SafetensorsFile)
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("renamed.bin")
      try FileManager.default.copyItem(at: try fixture("types.gguf"), to: url)
      #expect(try Weights.open(url) is GGUFFile)
    }
  }
}
