import Foundation
import HalterFormats
import Testing

@Suite struct AtomicRemoveTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "halter-remove-\(UUID().uuidString)")

  @Test func aDirectoryIsGoneWithAllThatIsInIt() throws {
    let url = folder.appending(path: "step-1")
    try FileManager.default.createDirectory(
      at: url.appending(path: "deep"), withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data([1]).write(to: url.appending(path: "deep/file"))
    try AtomicDirectory.remove(url)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test func whatIsNotThereCannotBeRemoved() {
    let error = #expect(throws: FormatError.self) {
      try AtomicDirectory.remove(folder.appending(path: "step-1"))
    }
    #expect(error?.code == .notFound)
    #expect(error?.path == folder.appending(path: "step-1").path)
  }
}
