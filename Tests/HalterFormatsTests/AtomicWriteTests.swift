import Foundation
import Testing

@testable import HalterFormats

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct AtomicWriteTests {
  @Test func writesAndReplaces() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.txt")
      try AtomicWrite.write("one", to: url)
      try AtomicWrite.write("two", to: url)
      #expect(try String(contentsOf: url, encoding: .utf8) == "two")
      #expect(try names(in: directory) == ["a.txt"])
    }
  }

  @Test func refusesToReplaceWhenToldSo() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.txt")
      try AtomicWrite.write("one", to: url, overwrite: false)
      let error = try formatError { try AtomicWrite.write("two", to: url, overwrite: false) }
      #expect(error.code == .fileExists)
      #expect(try String(contentsOf: url, encoding: .utf8) == "one")
      #expect(try names(in: directory) == ["a.txt"])
    }
  }

  @Test func aNameTakenMeanwhileIsNotReplaced() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.txt")
      let error = try formatError {
        try AtomicWrite.stream(to: url, overwrite: false) { (file: OutputFile) throws in
          try file.write([1, 2, 3])
          try Data("other".utf8).write(to: url)
        }
      }
      #expect(error.code == .fileExists)
      #expect(try String(contentsOf: url, encoding: .utf8) == "other")
      #expect(try names(in: directory) == ["a.txt"])
    }
  }

  @Test func theOldFileIsWholeUntilTheEnd() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.bin")
      try AtomicWrite.write("old", to: url)
      try AtomicWrite.stream(to: url) { (file: OutputFile) throws in
        for _ in 0..<100 { try file.write([UInt8](repeating: 7, count: 10_000)) }
        #expect(try String(contentsOf: url, encoding: .utf8) == "old")
      }
      #expect(try Data(contentsOf: url) == Data(repeating: 7, count: 1_000_000))
    }
  }

  @Test func aThrowingBodyLeavesTheOldFile() throws {
    struct Broken: Error {}
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.bin")
      try AtomicWrite.write("old", to: url)
      #expect(throws: Broken.self) {
        try AtomicWrite.stream(to: url) { (file: OutputFile) throws in
          try file.write([UInt8](repeating: 7, count: 1_000_000))
          throw Broken()
        }
      }
      #expect(try String(contentsOf: url, encoding: .utf8) == "old")
      #expect(try names(in: directory) == ["a.bin"])
    }
  }

  @Test func bufferingKeepsOrder() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.bin")
      var expected: [UInt8] = []
      try AtomicWrite.stream(to: url) { (file: OutputFile) throws in
        for size in [0, 1, 262_143, 1, 262_144, 262_145, 7, 1_000_000, 3] {
          let piece = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) }
          try file.write(piece)
          expected += piece
          #expect(file.position == expected.count)
        }
      }
      #expect(try [UInt8](Data(contentsOf: url)) == expected)
    }
  }

  @Test func everyKindOfWriteAppendsTheSameBytes() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.bin")
      try AtomicWrite.stream(to: url) { (file: OutputFile) throws in
        try file.write([1, 2])
        try file.write(Data([3]))
        try file.write(([4] as [UInt8]).span.bytes)
        try file.write(numbers: [0x0605] as [UInt16])
        try file.pad(2)
      }
      #expect(try [UInt8](Data(contentsOf: url)) == [1, 2, 3, 4, 5, 6, 0, 0])
    }
  }

  @Test func aMissingDirectoryIsNamed() throws {
    let url = URL(fileURLWithPath: "/nonexistent/a.txt")
    let error = try formatError { try AtomicWrite.write("x", to: url) }
    #expect(error.code == .notFound)
    #expect(error.description.hasPrefix("/nonexistent/a.txt: cannot create the file"))
  }

  @Test func aDirectoryIsNotReplacedByAFile() throws {
    try withScratch { directory throws in
      let error = try formatError { try AtomicWrite.write("x", to: directory) }
      #expect(error.code == .fileExists)
    }
  }

  @Test func aFullDeviceIsNamed() throws {
    let descriptor = open("/dev/full", O_WRONLY)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    let file = OutputFile(descriptor: descriptor, path: "model.safetensors")
    let error = try formatError {
      try file.write([1])
      try file.flush()
    }
    #expect(error.code == .noSpace)
    #expect(error.description.contains("model.safetensors: cannot write: the disk"))
    #expect(error.description.contains("Free some space"))
  }

  @Test func aFullDiskLeavesNothingBehind() throws {
    try withScratch { directory throws in
      guard getuid() == 0, mount(on: directory, size: "256k") else { return }
      defer { unmount(directory) }
      let url = directory.appendingPathComponent("a.safetensors")
      let small = [TensorSource("x", shape: [1], floats: [1])]
      try SafetensorsWriter.write(small, to: url)
      let large = TensorSource("x", shape: [200_000], floats: [Float](repeating: 1, count: 200_000))
      let error = try formatError { try SafetensorsWriter.write([large], to: url, overwrite: true) }
      #expect(error.code == .noSpace && error.path == url.path)
      #expect(try SafetensorsFile(url).numbers("x", as: Float.self) == [1])
      let state = directory.appendingPathComponent("state.h5")
      #expect(throws: FormatError.self) {
        try HDF5Writer.write(to: state) { file in
          try file.write([Float](repeating: 1, count: 200_000), to: "x")
        }
      }
      #expect(try names(in: directory) == ["a.safetensors"])
    }
  }

  private func mount(on directory: URL, size: String) -> Bool {
    run("/bin/mount", ["-t", "tmpfs", "-o", "size=\(size)", "tmpfs", directory.path])
  }

  private func unmount(_ directory: URL) {
    _ = run("/bin/umount", [directory.path])
  }

  private func run(_ tool: String, _ arguments: [String]) -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: tool)
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  @Test func linksAreReplacedWhole() throws {
    try withScratch { directory throws in
      let link = directory.appendingPathComponent("last")
      try AtomicWrite.link(link, to: "step-1")
      try AtomicWrite.link(link, to: "step-2")
      let target = try FileManager.default.destinationOfSymbolicLink(atPath: link.path)
      #expect(target == "step-2")
      #expect(try names(in: directory) == ["last"])
    }
  }

  @Test func systemErrorsHaveKindsAndMends() {
    let kinds: [(Int32, FormatError.Code)] = [
      (ENOENT, .notFound), (EACCES, .permissionDenied), (ENOSPC, .noSpace), (EROFS, .readOnly),
      (EDQUOT, .noSpace), (EEXIST, .fileExists),
    ]
    for (number, code) in kinds {
      let error = FormatError(errno: number, while: "write", path: "x")
      #expect(error.code == code && error.mend != nil)
    }
    #expect(FormatError(errno: EIO, while: "write", path: "x").code == .io)
  }
}

@Suite struct AtomicDirectoryTests {
  private func writeOne(_ text: String, to url: URL, overwrite: Bool = false) throws {
    try AtomicDirectory.write(to: url, overwrite: overwrite) { partial throws in
      try AtomicWrite.write(text, to: partial.appendingPathComponent("a.txt"))
    }
  }

  private func text(in url: URL) throws -> String {
    try String(contentsOf: url.appendingPathComponent("a.txt"), encoding: .utf8)
  }

  @Test func appearsOnlyAtTheEnd() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("step-10")
      try AtomicDirectory.write(to: url) { partial throws in
        #expect(AtomicDirectory.isPartial(partial))
        try AtomicWrite.write("x", to: partial.appendingPathComponent("a.txt"))
        #expect(!FileManager.default.fileExists(atPath: url.path))
      }
      #expect(try text(in: url) == "x")
      #expect(try names(in: directory) == ["step-10"])
    }
  }

  @Test func aFailureLeavesNothing() throws {
    struct Broken: Error {}
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("step-10")
      #expect(throws: Broken.self) {
        try AtomicDirectory.write(to: url) { partial throws in
          try AtomicWrite.write("x", to: partial.appendingPathComponent("a.txt"))
          throw Broken()
        }
      }
      #expect(try names(in: directory).isEmpty)
    }
  }

  @Test func replacesOnlyWhenTold() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("step-10")
      try writeOne("old", to: url)
      let error = try formatError { try writeOne("new", to: url) }
      #expect(error.code == .fileExists)
      #expect(try text(in: url) == "old")
      try writeOne("new", to: url, overwrite: true)
      #expect(try text(in: url) == "new")
      #expect(try names(in: directory) == ["step-10"])
    }
  }

  @Test func aFailedReplacementKeepsTheOldDirectory() throws {
    struct Broken: Error {}
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("step-10")
      try writeOne("old", to: url)
      #expect(throws: Broken.self) {
        try AtomicDirectory.write(to: url, overwrite: true) { _ throws in throw Broken() }
      }
      #expect(try text(in: url) == "old")
      #expect(try names(in: directory) == ["step-10"])
    }
  }

  @Test func leftoversOfTheDeadAreRemovedAndTheLivingKept() throws {
    try withScratch { directory throws in
      let dead = directory.appendingPathComponent(".step-1.partial-999999-1")
      try FileManager.default.createDirectory(at: dead, withIntermediateDirectories: false)
      try AtomicWrite.write("x", to: dead.appendingPathComponent("a.txt"))
      try AtomicWrite.write("x", to: directory.appendingPathComponent(".a.partial-999999"))
      try AtomicWrite.write("x", to: directory.appendingPathComponent("kept.partial-1"))
      try AtomicDirectory.write(to: directory.appendingPathComponent("step-2")) { partial throws in
        let removed = try AtomicDirectory.removeLeftovers(in: directory)
        #expect(
          removed.map(\.lastPathComponent) == [".a.partial-999999", ".step-1.partial-999999-1"])
        #expect(FileManager.default.fileExists(atPath: partial.path))
      }
      #expect(try names(in: directory) == ["kept.partial-1", "step-2"])
      #expect(
        try AtomicDirectory.removeLeftovers(in: directory.appendingPathComponent("none")).isEmpty)
    }
  }

  @Test func aReplacementThatWasCutShortIsUndone() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("step-10")
      let aside = directory.appendingPathComponent(".step-10.replaced-999999-1")
      try writeOne("old", to: aside)
      #expect(AtomicDirectory.isPartial(aside))
      #expect(try AtomicDirectory.removeLeftovers(in: directory).isEmpty)
      #expect(try text(in: url) == "old")
    }
  }

  @Test func aReplacementThatWasDoneIsTidiedUp() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("step-10")
      try writeOne("old", to: directory.appendingPathComponent(".step-10.replaced-999999-1"))
      try writeOne("new", to: url)
      #expect(try AtomicDirectory.removeLeftovers(in: directory).count == 1)
      #expect(try text(in: url) == "new")
      #expect(try names(in: directory) == ["step-10"])
    }
  }

  @Test func namesOfUnfinishedThings() {
    for name in [".a.partial-1", ".a.b.partial-12-3", ".x.partial-y.partial-1-2"] {
      #expect(AtomicDirectory.isPartial(URL(fileURLWithPath: "/x/\(name)")), "\(name)")
    }
    for name in ["a.partial-1", ".a.partial-", ".a.partial-x", ".a", ".a.partial-1-2-3", "step-1"] {
      #expect(!AtomicDirectory.isPartial(URL(fileURLWithPath: "/x/\(name)")), "\(name)")
    }
  }
}
