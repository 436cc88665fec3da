import Foundation
import Testing

@testable import HalterFormats

@Suite struct MappedFileTests {
  @Test func mapsAWholeFileAndParts() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a")
      try Data((0..<200).map { UInt8($0) }).write(to: url)
      let file = try MappedFile(url)
      #expect(file.size == 200)
      #expect(file.withBytes { $0[199] } == 199)
      #expect(file.withBytes(in: 10..<13) { [UInt8]($0) } == [10, 11, 12])
      #expect(file.withBytes(in: 200..<200) { $0.count } == 0)
    }
  }

  @Test func anEmptyFileHasNoBytes() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a")
      try Data().write(to: url)
      let file = try MappedFile(url)
      #expect(file.size == 0)
      #expect(file.withBytes { $0.count } == 0)
      file.release(0..<0)
    }
  }

  @Test func directoriesDevicesAndAbsentFilesAreRefused() throws {
    try withScratch { directory throws in
      #expect(try formatError { _ = try MappedFile(directory) }.code == .malformed)
      let absent = directory.appendingPathComponent("absent")
      #expect(try formatError { _ = try MappedFile(absent) }.code == .notFound)
    }
    let device = URL(fileURLWithPath: "/dev/null")
    #expect(try formatError { _ = try MappedFile(device) }.code == .malformed)
  }

  @Test(arguments: [0..<0, 0..<1, 1..<4095, 0..<4096, 5000..<20_000, 0..<20_000, 0..<1_000_000])
  func releasingNeverChangesWhatIsRead(range: Range<Int>) throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a")
      let content = Data((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
      try content.write(to: url)
      let file = try MappedFile(url)
      #expect(file.withBytes { Data($0) } == content)
      file.release(range)
      #expect(file.withBytes { Data($0) } == content)
    }
  }

  @Test func aMappingOutlivesTheReplacementOfItsFile() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a")
      try AtomicWrite.write("old", to: url)
      let file = try MappedFile(url)
      try AtomicWrite.write("x", to: url)
      #expect(file.withBytes { String(decoding: $0, as: UTF8.self) } == "old")
    }
  }

  @Test func errorsReadAsSentences() {
    let error = FormatError(
      .malformed, "found a, expected b", mend: "Do c", path: "/x/y", offset: 8, tensor: "t")
    #expect(error.description == "/x/y: 't': found a, expected b (at byte 8). Do c.")
    let bare = FormatError(.io, "it broke")
    #expect(bare.description == "it broke.")
  }

  @Test func hostileNamesDoNotSpoilMessages() {
    let name = "a\nb\u{1B}[31m" + String(repeating: "x", count: 10_000)
    let text = FormatError(.malformed, "odd", tensor: name).description
    #expect(text.count < 200 && !text.contains("\n") && !text.contains("\u{1B}"))
  }
}
