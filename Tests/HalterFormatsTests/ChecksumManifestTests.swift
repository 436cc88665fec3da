import Foundation
import Testing

@testable import HalterFormats

@Suite struct ChecksumManifestTests {
  private func withCheckpoint(_ body: (URL) throws -> Void) throws {
    try withScratch { directory throws in
      try AtomicWrite.write("abc", to: directory.appendingPathComponent("a.txt"))
      let inner = directory.appendingPathComponent("inner")
      try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: false)
      try AtomicWrite.write("", to: inner.appendingPathComponent("empty"))
      try ChecksumManifest.write(directory)
      try body(directory)
    }
  }

  @Test func sumsAreThoseOfTheStandard() throws {
    try withCheckpoint { directory throws in
      let manifest = try ChecksumManifest(reading: directory)
      #expect(manifest.files.keys.sorted() == ["a.txt", "inner/empty"])
      // FIPS 180-2, appendix B.1, and the sum of nothing.
      #expect(
        manifest.files["a.txt"]?.sha256
          == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
      #expect(
        manifest.files["inner/empty"]?.sha256
          == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
      #expect(manifest.files["a.txt"]?.size == 3)
      try ChecksumManifest.verify(directory)
    }
  }

  @Test func changedContentIsNamed() throws {
    try withCheckpoint { directory throws in
      try AtomicWrite.write("abd", to: directory.appendingPathComponent("a.txt"))
      let error = try formatError { try ChecksumManifest.verify(directory) }
      #expect(error.code == .mismatch && error.path?.hasSuffix("/a.txt") == true)
      #expect(error.message.contains("SHA-256"))
    }
  }

  @Test func changedSizeIsNamed() throws {
    try withCheckpoint { directory throws in
      let url = directory.appendingPathComponent("inner/empty")
      try AtomicWrite.write("x", to: url)
      let error = try formatError { try ChecksumManifest.verify(directory) }
      #expect(error.code == .mismatch && error.path == url.path)
      #expect(error.message.contains("1 bytes; its checksum was made of 0"))
    }
  }

  @Test func missingFilesAreNamed() throws {
    try withCheckpoint { directory throws in
      let url = directory.appendingPathComponent("a.txt")
      try FileManager.default.removeItem(at: url)
      let error = try formatError { try ChecksumManifest.verify(directory) }
      #expect(error.code == .notFound && error.path == url.path)
    }
  }

  @Test func rewritingLeavesTheManifestItselfOut() throws {
    try withCheckpoint { directory throws in
      let before = try ChecksumManifest(reading: directory)
      #expect(try ChecksumManifest.write(directory) == before)
      try ChecksumManifest.verify(directory)
    }
  }

  @Test(arguments: ["", "[]", "{}", #"{"files":{"a":{}}}"#, "\u{0}"])
  func damagedManifestsAreErrors(text: String) throws {
    try withCheckpoint { directory throws in
      let url = directory.appendingPathComponent("checksums.json")
      try AtomicWrite.write(text, to: url)
      let error = try formatError { try ChecksumManifest.verify(directory) }
      #expect(error.code == .malformed && error.path == url.path)
    }
  }

  @Test(arguments: ["../x", "/etc/passwd", "a/../../x"])
  func manifestsCannotLeadOutside(path: String) throws {
    try withCheckpoint { directory throws in
      try AtomicWrite.write(
        #"{"files":{"\#(path)":{"size":1,"sha256":""}}}"#,
        to: directory.appendingPathComponent("checksums.json"))
      #expect(try formatError { try ChecksumManifest.verify(directory) }.code == .malformed)
    }
  }
}
