import Foundation
import HalterBackend
import Testing

/// Memory in a file without a name.
@Suite struct PagedMemoryTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "halter-paged-\(UUID().uuidString)")

  private func withFolder<R>(_ body: () throws -> R) throws -> R {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body()
  }

  @Test func regionsAreZerosThatKeepWhatIsWritten() throws {
    try withFolder { () throws in
      let memory = try PagedMemory(directory: folder.path, sizes: [12, 0, 100_000])
      #expect(memory.regionCount == 3 && memory.byteCount >= 100_012)
      #expect([0, 1, 2].map { memory.region($0).byteCount } == [12, 0, 100_000])
      #expect(memory.region(2).read(UInt8.self, count: 100_000).allSatisfy { $0 == 0 })
      let values = (0..<25_000).map { Float($0) }
      memory.region(0).write([1, 2, 3] as [Float])
      memory.region(2).write(values)
      for index in 0..<3 {
        memory.release(index)
        memory.prefetch(index)
      }
      #expect(memory.region(0).read(Float.self, count: 3) == [1, 2, 3])
      #expect(memory.region(2).read(Float.self, count: 25_000) == values)
    }
  }

  @Test func theFileHasNoName() throws {
    try withFolder { () throws in
      let memory = try PagedMemory(directory: folder.path, sizes: [1])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
      withExtendedLifetime(memory) {}
    }
  }

  @Test func aRegionKeepsTheMemoryAlive() throws {
    try withFolder { () throws in
      var memory: PagedMemory? = try PagedMemory(directory: folder.path, sizes: [4])
      let region = try #require(memory?.region(0))
      memory = nil
      region.write([7] as [Float])
      #expect(region.read(Float.self, count: 1) == [7])
    }
  }

  #if os(Linux)
    /// What was released is no longer resident, as the kernel counts it.
    @Test func releasedRegionsAreNotResident() throws {
      try withFolder { () throws in
        let size = 64 << 20
        let memory = try PagedMemory(directory: folder.path, sizes: [size])
        func resident() throws -> Int {
          let maps = try #require(FileHandle(forReadingAtPath: "/proc/self/smaps"))
          let text = String(decoding: try maps.readToEnd() ?? Data(), as: UTF8.self)
          let name = folder.lastPathComponent
          let part = try #require(text.components(separatedBy: name).dropFirst().first)
          let line = try #require(part.components(separatedBy: "\nRss:").dropFirst().first)
          return try #require(Int(line.split(separator: " ")[0])) << 10
        }
        memory.region(0).write([UInt8](repeating: 1, count: size))
        #expect(try resident() >= size)
        memory.release(0)
        #expect(try resident() == 0)
        #expect(memory.region(0).read(UInt8.self, count: 1, at: size - 1) == [1])
      }
    }
  #endif

  @Test func aDirectoryThatIsMissingIsNamed() {
    let error = #expect(throws: PagedMemoryError.self) {
      _ = try PagedMemory(directory: "/nowhere/at/all", sizes: [1_500_000])
    }
    #expect(error?.cause == .notWritable)
    #expect(
      error?.description
        == "/nowhere/at/all: cannot make a file of 2 MB for paged memory: no such file or "
        + "directory. Choose a directory that can be written.")
  }

  /// More than any disk has: an error before anything is touched.
  @Test func aDiskThatIsTooSmallIsAnError() throws {
    try withFolder { () throws in
      let error = #expect(throws: PagedMemoryError.self) {
        _ = try PagedMemory(directory: folder.path, sizes: [1 << 55])
      }
      #expect(error?.cause == .noSpace, "\(String(describing: error))")
      #expect(error?.description.contains(folder.path) == true)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }
  }
}
