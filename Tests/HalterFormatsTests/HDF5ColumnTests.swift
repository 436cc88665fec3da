import Foundation
import Synchronization
import Testing

@testable import HalterFormats

@Suite struct HDF5ColumnTests {
  private let numbers = (0..<1003).map { Int32($0 * 7 % 256) - 100 }

  /// A sealed file with `numbers` in `/a/numbers`, appended in pieces of many sizes.
  private func withColumn(chunk: Int = 16, _ body: (URL) throws -> Void) throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("column.h5")
      try write(to: url, chunk: chunk)
      try body(url)
    }
  }

  private func write(to url: URL, chunk: Int, overwrite: Bool = false) throws {
    try HDF5Writer.write(to: url, overwrite: overwrite, isSealed: true) { file in
      let column = try file.makeGrowing("/a/numbers", of: Int32.self, chunk: chunk)
      let weights = try file.makeGrowing("/a/weights", of: Float.self, chunk: chunk)
      _ = try file.makeGrowing("/empty", of: Int64.self, chunk: chunk)
      var start = 0
      var size = 1
      while start < numbers.count {
        let end = min(start + size, numbers.count)
        try column.append(contentsOf: Array(numbers[start..<end]))
        for index in start..<end { try weights.append(Float(index) / 4) }
        (start, size) = (end, size * 3 % 101)
      }
      #expect(column.count == numbers.count && weights.count == numbers.count)
      try file.write(["one", "", "dreißig\n"], to: "/a/names")
      try file.write([] as [String], to: "/none")
      try file.setAttribute("a value", for: "a key")
    }
  }

  @Test(arguments: [1, 7, 16, 1003, 5000]) func whatIsAppendedIsRead(chunk: Int) throws {
    try withColumn(chunk: chunk) { url throws in
      let file = try HDF5Reader(url, isSealed: true)
      #expect(try file.dataset("a/numbers").shape == [1003])
      #expect(try file.read("a/numbers", as: Int32.self) == numbers)
      #expect(try file.read("a/weights", as: Float.self) == (0..<1003).map { Float($0) / 4 })
      #expect(try file.read("empty", as: Int64.self) == [])
      #expect(try file.texts("a/names") == ["one", "", "dreißig\n"])
      #expect(try file.texts("a/names", in: 1..<3) == ["", "dreißig\n"])
      #expect(try file.texts("none") == [])
      #expect(try file.attribute("a key") == "a value")
    }
  }

  @Test(arguments: [0, 64, 1 << 20]) func anyRangeIsRead(cacheBytes: Int) throws {
    try withColumn { url throws in
      let column = try HDF5Reader(url).column(
        "/a/numbers", of: Int32.self, cacheBytes: cacheBytes)
      #expect(column.count == 1003)
      for start in stride(from: 0, through: 1003, by: 13) {
        for length in [0, 1, 2, 15, 16, 17, 100, 1003] where start + length <= 1003 {
          let range = start..<start + length
          #expect(try column.read(range) == Array(numbers[range]))
        }
      }
      for index in numbers.indices.reversed() {
        #expect(try column.value(at: index) == numbers[index])
      }
    }
  }

  @Test func anEmptyColumnHasNothing() throws {
    try withColumn { url throws in
      let column = try HDF5Reader(url).column("empty", of: Int64.self)
      #expect(column.count == 0)
      #expect(try column.read(0..<0) == [])
    }
  }

  @Test func columnsNeedNoChunks() throws {
    let column = try HDF5Reader(try fixture("types.h5")).column("group/i32", of: Int32.self)
    #expect(try column.read(0..<2) == [-1, 5])
    let swapped = try HDF5Reader(try fixture("types.h5"))
      .column("group/big-endian", of: Int64.self)
    #expect(try swapped.value(at: 2) == 3)
  }

  @Test func textsOfAnyKindAreRead() throws {
    let file = try HDF5Reader(try fixture("types.h5"))
    #expect(try file.texts("group/text") == ["not", "numbers"])
    #expect(try formatError { _ = try file.texts("group/i32") }.code == .wrongType)
    #expect(try formatError { _ = try file.texts("nope") }.code == .missing)
  }

  @Test func otherShapesAndTypesAreRefused() throws {
    let file = try HDF5Reader(try fixture("types.h5"))
    #expect(try formatError { _ = try file.column("f32", of: Float.self) }.code == .wrongType)
    #expect(
      try formatError { _ = try file.column("group/i32", of: Int64.self) }.code == .wrongType)
    #expect(try formatError { _ = try file.column("nope", of: Int64.self) }.code == .missing)
  }

  @Test func theFileStaysOpenWithItsColumn() throws {
    try withColumn { url throws in
      let column = try HDF5Reader(url).column("a/numbers", of: Int32.self, cacheBytes: 0)
      try FileManager.default.removeItem(at: url)
      #expect(try column.read(0..<1003) == numbers)
    }
  }

  @Test func aColumnCanBeUsedFromManyTasks() async throws {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("halter-column-\(UUID().uuidString).h5")
    defer { try? FileManager.default.removeItem(at: url) }
    try write(to: url, chunk: 16)
    let column = try HDF5Reader(url).column("a/numbers", of: Int32.self, cacheBytes: 512)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for offset in 0..<8 {
        group.addTask {
          for start in stride(from: offset, to: 1000, by: 3) {
            guard try column.read(start..<start + 3) == Array(numbers[start..<start + 3]) else {
              return false
            }
          }
          return true
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }

  @Test func theSameNumbersGiveTheSameBytes() throws {
    try withColumn { url throws in
      let first = try Data(contentsOf: url)
      try write(to: url, chunk: 16, overwrite: true)
      #expect(try Data(contentsOf: url) == first)
    }
  }

  @Test func textsCannotHoldNUL() throws {
    try withScratch { directory throws in
      let error = try formatError {
        try HDF5Writer.write(to: directory.appendingPathComponent("a.h5")) {
          try $0.write(["a\0b"], to: "x")
        }
      }
      #expect(error.code == .invalidArgument && error.tensor == "x")
      #expect(try names(in: directory).isEmpty)
    }
  }

  @Test func aWriterThatFailsLeavesNothing() throws {
    struct Failure: Error {}
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("a.h5")
      #expect(throws: Failure.self) {
        try HDF5Writer.write(to: url, isSealed: true) { file in
          let column = try file.makeGrowing("x", of: Int32.self, chunk: 4)
          try column.append(contentsOf: numbers)
          throw Failure()
        }
      }
      #expect(try names(in: directory).isEmpty)
    }
  }
}

@Suite struct HDF5SealTests {
  private func withSealed(_ body: (URL, Data) throws -> Void) throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent("sealed.h5")
      try HDF5Writer.write(to: url, isSealed: true) { file in
        try file.makeGrowing("x", of: Int32.self, chunk: 64)
          .append(contentsOf: (0..<500).map { Int32($0 * $0) })
        try file.setAttribute("text", for: "key")
      }
      try body(url, try Data(contentsOf: url))
    }
  }

  @Test func theBlockSaysWhatItIs() throws {
    try withSealed { url, whole throws in
      let lines = String(decoding: whole.prefix(512), as: UTF8.self)
        .split(separator: "\n").map(String.init)
      #expect(lines[0] == "halter sealed hdf5 1")
      #expect(lines[1] == "sha256 " + Checksum.sha256(of: whole.dropFirst(512)))
      #expect(lines[2] == "bytes \(whole.count - 512)")
      #expect(try HDF5Reader(url, isSealed: true).read("x", as: Int32.self).count == 500)
    }
  }

  @Test func anyFlippedByteIsFound() throws {
    try withSealed { url, whole throws in
      let offsets = Array(0..<130) + Array(stride(from: 130, to: whole.count, by: 23))
      for offset in offsets + [whole.count - 1] {
        var changed = whole
        changed[offset] ^= 1 << UInt8(offset % 8)
        try changed.write(to: url)
        let error = try formatError { _ = try HDF5Reader(url, isSealed: true) }
        #expect(error.code == .mismatch, "byte \(offset)")
      }
    }
  }

  @Test func anyOtherLengthIsFound() throws {
    try withSealed { url, whole throws in
      for count in stride(from: 1, to: whole.count, by: 101) {
        try whole.prefix(count).write(to: url)
        #expect(try formatError { _ = try HDF5Reader(url, isSealed: true) }.code == .mismatch)
      }
      try (whole + Data([0])).write(to: url)
      #expect(try formatError { _ = try HDF5Reader(url, isSealed: true) }.code == .mismatch)
    }
  }

  @Test func aFileWithoutASealIsRefused() throws {
    let error = try formatError { _ = try HDF5Reader(try fixture("types.h5"), isSealed: true) }
    #expect(error.code == .mismatch && error.message.contains("has no seal"))
  }
}

@Suite struct RecentPagesTests {
  @Test func keepsWhatIsUsedAndNoMoreThanItMay() {
    var pages = RecentPages<String>(capacity: 3)
    for number in 0..<3 { pages.insert("page \(number)", as: number) }
    #expect(pages.find(0) == "page 0")
    #expect(pages.find(2) == "page 2")
    pages.insert("page 3", as: 3)
    #expect(pages.find(1) == nil)
    #expect((0..<4).compactMap { pages.find($0) } == ["page 0", "page 2", "page 3"])
    for number in 10..<100 { pages.insert("page \(number)", as: number) }
    #expect((0..<100).compactMap { pages.find($0) } == ["page 97", "page 98", "page 99"])
  }
}

@Suite struct FileLockTests {
  @Test func onlyOneHolderAtATime() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent(".lock")
      var first = try FileLock.attempt(url)
      #expect(first != nil)
      #expect(try FileLock.attempt(url) == nil)
      var waits = 0
      let second = try FileLock.acquire(url) {
        waits += 1
        if waits == 2 { first = nil }
      }
      #expect(waits == 2)
      #expect(try FileLock.attempt(url) == nil)
      withExtendedLifetime(second) {}
      #expect(first == nil)
    }
  }

  @Test func aReleasedLockLeavesNoFile() throws {
    try withScratch { directory throws in
      let url = directory.appendingPathComponent(".lock")
      do {
        let lock = try FileLock.attempt(url)
        #expect(lock != nil)
        #expect(try names(in: directory) == [".lock"])
      }
      #expect(try names(in: directory).isEmpty)
    }
  }

  @Test func waitingCanBeGivenUp() throws {
    struct Enough: Error {}
    try withScratch { directory throws in
      let url = directory.appendingPathComponent(".lock")
      let held = try FileLock.attempt(url)
      #expect(throws: Enough.self) { _ = try FileLock.acquire(url) { throw Enough() } }
      withExtendedLifetime(held) {}
    }
  }

  @Test func manyThreadsNeverHoldItTogether() async throws {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("halter-lock-\(UUID().uuidString)")
    let holders = Counter()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<200 {
            guard let lock = try? FileLock.attempt(url) else { continue }
            #expect(holders.change(by: 1) == 1)
            _ = holders.change(by: -1)
            withExtendedLifetime(lock) {}
          }
        }
      }
    }
    #expect(!FileManager.default.fileExists(atPath: url.path))
  }
}

/// A number that threads change.
private final class Counter: Sendable {
  private let value = Mutex(0)

  func change(by amount: Int) -> Int {
    value.withLock { value in
      value += amount
      return value
    }
  }
}
