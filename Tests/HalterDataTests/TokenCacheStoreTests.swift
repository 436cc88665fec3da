import Foundation
import HalterFormats
import Synchronization
import Testing

@testable import HalterData

@Suite struct TokenCacheStoreTests {
  /// What opening a cache led to.
  private struct Opening {
    var events: [TokenCacheEvent] = []
    var builds = 0
    var rows: [TokenizedRow] = []
  }

  private func open(
    _ store: TokenCacheStore, _ key: TokenCacheKey, subject: String = "recipe train",
    rows: [TokenizedRow]
  ) throws -> Opening {
    var opening = Opening()
    let cache = try store.open(
      key, subject: subject, report: { opening.events.append($0) },
      build: { writer in
        opening.builds += 1
        for row in rows { try writer.append(row, source: 0) }
        return summary(of: rows)
      })
    opening.rows = try (0..<cache.count).map { index in try cache.row(index) }
    return opening
  }

  private func files(in directory: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
  }

  @Test func aCacheIsMadeOnceAndUsedFromThenOn() throws {
    try withScratchDirectory { directory throws in
      let store = TokenCacheStore(directory: directory.appendingPathComponent("datasets"))
      let first = try open(store, testKey(), rows: rows(50))
      #expect(first.events == [.building(.new)] && first.builds == 1)
      let second = try open(store, testKey(), rows: [])
      #expect(second.events == [.reused] && second.builds == 0)
      #expect(first.rows == rows(50) && second.rows == rows(50))
      #expect(try files(in: store.directory) == [testKey().digest + ".h5", "index"])
    }
  }

  @Test func whatChangedIsSaid() throws {
    try withScratchDirectory { directory throws in
      let store = TokenCacheStore(directory: directory)
      _ = try open(store, testKey(), rows: rows(5))
      let other = testKey(["tokenizer": "b"])
      let second = try open(store, other, rows: rows(5, seed: 9))
      #expect(second.events == [.building(.changed(["the tokenizer"]))])
      #expect(second.rows == rows(5, seed: 9))
      let third = try open(store, testKey(["tokenizer": "c", "length": "9"]), rows: rows(5))
      #expect(third.events == [.building(.changed(["the tokenizer", "max_length"]))])
      // Going back finds the first one.
      #expect(try open(store, testKey(), rows: []).events == [.reused])
      #expect(
        try open(store, testKey(["length": "3"]), subject: "other", rows: rows(1)).events
          == [.building(.new)])
    }
  }

  @Test func aRemovedCacheIsMadeAgain() throws {
    try withScratchDirectory { directory throws in
      let store = TokenCacheStore(directory: directory)
      _ = try open(store, testKey(), rows: rows(5))
      try FileManager.default.removeItem(at: store.url(of: testKey()))
      #expect(try open(store, testKey(), rows: rows(5)).events == [.building(.removed)])
    }
  }

  @Test func aDamagedCacheIsNeverUsed() throws {
    try withScratchDirectory { directory throws in
      let store = TokenCacheStore(directory: directory)
      _ = try open(store, testKey(), rows: rows(200))
      let url = store.url(of: testKey())
      let whole = try Data(contentsOf: url)
      for offset in stride(from: 3, to: whole.count, by: whole.count / 23) {
        var changed = whole
        changed[offset] ^= 0x10
        try changed.write(to: url)
        let opening = try open(store, testKey(), rows: rows(200))
        guard case .building(.damaged(let fault)) = opening.events.first else {
          Issue.record("byte \(offset): \(opening.events)")
          continue
        }
        #expect(fault.contains("seal"), "\(fault)")
        #expect(opening.rows == rows(200))
        #expect(try Data(contentsOf: url) == whole, "a cache is made of the same bytes again")
      }
      for count in [0, 1, 511, 512, 600, whole.count - 1] {
        try whole.prefix(count).write(to: url)
        let opening = try open(store, testKey(), rows: rows(200))
        #expect(opening.builds == 1 && opening.rows == rows(200), "\(count) bytes")
      }
    }
  }

  @Test func aCacheUnderAnothersNameIsNotUsed() throws {
    try withScratchDirectory { directory throws in
      let store = TokenCacheStore(directory: directory)
      _ = try open(store, testKey(), rows: rows(5))
      let other = testKey(["length": "1"])
      try FileManager.default.moveItem(at: store.url(of: testKey()), to: store.url(of: other))
      let opening = try open(store, other, rows: rows(7))
      #expect(opening.builds == 1 && opening.rows == rows(7))
    }
  }

  @Test func afterAFailureThereIsNothing() throws {
    struct Failure: Error {}
    try withScratchDirectory { directory throws in
      let store = TokenCacheStore(directory: directory)
      #expect(throws: Failure.self) {
        _ = try store.open(testKey(), subject: "a") { writer in
          for row in rows(100_000) { try writer.append(row, source: 0) }
          throw Failure()
        }
      }
      #expect(try files(in: directory) == [])
      #expect(try open(store, testKey(), rows: rows(2)).events == [.building(.new)])
    }
  }

  @Test func leftoversOfTheDeadAreRemovedAndTheLivingKept() throws {
    try withScratchDirectory { directory throws in
      let store = TokenCacheStore(directory: directory)
      let other = testKey(["length": "1"])
      let leftovers = [testKey(), other].map { ".\($0.digest).h5.partial-1-1" }
      for name in leftovers + [".notes.partial-1-1"] {
        try Data("half".utf8).write(to: directory.appendingPathComponent(name))
      }
      let lock = try FileLock.attempt(directory.appendingPathComponent(".\(other.digest).lock"))
      #expect(lock != nil)
      _ = try open(store, testKey(), rows: rows(3))
      #expect(try files(in: directory).contains(leftovers[0]) == false)
      #expect(try files(in: directory).contains(leftovers[1]), "its writer lives")
      #expect(try files(in: directory).contains(".notes.partial-1-1"), "not ours")
      withExtendedLifetime(lock) {}
    }
  }

  @Test func cachesUnusedForLongestGoFirst() throws {
    try withScratchDirectory { directory throws in
      let keys = (0..<4).map { testKey(["length": "\($0)"]) }
      let unlimited = TokenCacheStore(directory: directory)
      for (index, key) in keys.prefix(3).enumerated() {
        _ = try open(unlimited, key, rows: rows(5))
        // Used in the order 1, 0, 2.
        let time = Date(timeIntervalSince1970: [2000, 1000, 3000][index])
        try FileManager.default.setAttributes(
          [.modificationDate: time], ofItemAtPath: unlimited.url(of: key).path)
      }
      let size = try Data(contentsOf: unlimited.url(of: keys[0])).count
      let store = TokenCacheStore(directory: directory, limit: size * 5 / 2)
      let opening = try open(store, keys[3], rows: rows(5))
      guard case .evicted(let count, let bytes) = opening.events.last else {
        Issue.record("\(opening.events)")
        return
      }
      #expect(count == 2 && bytes >= 2 * size - 100)
      let left = keys.map { FileManager.default.fileExists(atPath: store.url(of: $0).path) }
      #expect(left == [false, false, true, true])
      // The new one stays, however small the limit.
      let small = TokenCacheStore(directory: directory, limit: 1)
      #expect(try open(small, keys[0], rows: rows(5)).rows == rows(5))
      #expect(FileManager.default.fileExists(atPath: small.url(of: keys[0]).path))
    }
  }

  @Test func twoAtOnceMakeOne() async throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("halter-cache-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    let builds = Builds()
    let wanted = rows(20_000)
    try await withThrowingTaskGroup(of: [TokenizedRow].self) { group in
      for _ in 0..<4 {
        group.addTask {
          let cache = try TokenCacheStore(directory: directory).open(
            testKey(), subject: "a",
            build: { writer in
              builds.count.withLock { $0 += 1 }
              for row in wanted { try writer.append(row, source: 0) }
              return summary(of: wanted)
            })
          return try [0, 777, 19_999].map { index in try cache.row(index) }
        }
      }
      for try await found in group {
        #expect(found == [wanted[0], wanted[777], wanted[19_999]])
      }
    }
    #expect(builds.count.withLock { $0 } == 1)
  }

  @Test func waitingIsSaidAndCanBeGivenUp() throws {
    struct Enough: Error {}
    try withScratchDirectory { directory throws in
      let store = TokenCacheStore(directory: directory)
      let url = directory.appendingPathComponent(".\(testKey().digest).lock")
      let lock = try FileLock.attempt(url)
      var events: [TokenCacheEvent] = []
      #expect(throws: Enough.self) {
        _ = try store.open(
          testKey(), subject: "a",
          report: {
            events.append($0)
            throw Enough()
          }, build: { _ in summary(of: []) })
      }
      #expect(events == [.waiting])
      withExtendedLifetime(lock) {}
    }
  }

  @Test func aDirectoryThatCannotBeMadeIsAnError() throws {
    try withScratchDirectory { directory throws in
      let file = directory.appendingPathComponent("file")
      try Data().write(to: file)
      let store = TokenCacheStore(directory: file.appendingPathComponent("datasets"))
      #expect(throws: FormatError.self) { _ = try open(store, testKey(), rows: []) }
    }
  }
}

private func rows(_ count: Int, seed: Int32 = 0) -> [TokenizedRow] {
  (0..<count).map { index in
    TokenizedRow(
      tokens: [seed, Int32(index), 3, 4], lossWeights: [0, 0, 1, 1],
      location: RowLocation(file: "rows.jsonl", line: index + 1))
  }
}

/// How often threads have made a cache.
private final class Builds: Sendable {
  let count = Mutex(0)
}
