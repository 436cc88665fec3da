import Foundation
import Testing

@testable import HalterData

@Suite struct StandardInputTests {
  private func spool(_ text: String, into folder: URL) throws -> URL {
    let pipe = Pipe()
    try pipe.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    try pipe.fileHandleForWriting.close()
    return try StandardInput.spool(pipe.fileHandleForReading, into: folder)
  }

  @Test func whatComesIsKeptUnderItsContent() throws {
    let folder = try ScratchFolder()
    let place = folder.url.appendingPathComponent("a/b")
    let first = try spool("{}\n", into: place)
    #expect(try Data(contentsOf: first) == Data("{}\n".utf8))
    #expect(try spool("{}\n", into: place) == first)
    let second = try spool("[]\n", into: place)
    #expect(second != first)
    let names = try FileManager.default.contentsOfDirectory(atPath: place.path)
    #expect(Set(names) == [first.lastPathComponent, second.lastPathComponent])
  }

  @Test func oldCopiesGo() throws {
    let folder = try ScratchFolder()
    let old = try spool("a", into: folder.url)
    let other = try folder.write("mine", "b")
    for file in [old, other] {
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -8 * 24 * 3600)], ofItemAtPath: file.path)
    }
    let new = try spool("c", into: folder.url)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
    #expect(Set(names) == ["mine", new.lastPathComponent])
  }

  @Test func nothingIsRefused() throws {
    let folder = try ScratchFolder()
    #expect(
      complaint { try spool("", into: folder.url) }
        == "standard input: nothing came from it: expected rows")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
  }

  @Test func itsFormatIsTold() throws {
    let folder = try ScratchFolder()
    let file = try spool("[{\"prompt\": \"a\", \"completion\": \"b\"}]", into: folder.url)
    let source = DataSource(path: file.path, name: StandardInput.name)
    let read = try examples(source)
    #expect(read.map(\.location.description) == ["standard input:1"])
  }
}
