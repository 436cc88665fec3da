import Foundation
import HalterFormats
import Testing

@testable import HalterData

/// The rows of `Tests/Parity/token_cache.py`, with the source of each.
private let golden: [(row: TokenizedRow, source: Int)] = {
  func row(
    _ file: String, _ line: Int, _ tokens: [Int32], _ spans: [(Range<Int>, Float)]
  ) -> TokenizedRow {
    var weights = [Float](repeating: 0, count: tokens.count)
    for (range, weight) in spans { for index in range { weights[index] = weight } }
    return TokenizedRow(
      tokens: tokens, lossWeights: weights, location: RowLocation(file: file, line: line))
  }
  return [
    (row("train.jsonl", 1, [5, 6, 7, 8], [(2..<4, 1)]), 0),
    (
      row("more.jsonl", 40, Array(100..<400), [(1..<3, 0.5), (3..<10, 1), (299..<300, 2)]), 1
    ),
    (row("train.jsonl", 3, [49151], []), 0),
  ]
}()

@Suite struct TokenCacheTests {
  private func write(_ rows: [(row: TokenizedRow, source: Int)], to url: URL) throws {
    try TokenCacheWriter.write(to: url, key: testKey()) { writer in
      for (row, source) in rows { try writer.append(row, source: source) }
      return summary(of: rows.map(\.row))
    }
  }

  private func check(_ cache: TokenCache) throws {
    #expect(cache.count == 3)
    #expect(cache.lengths == [4, 300, 1])
    for index in [2, 0, 1, 1, 0] {
      #expect(try cache.row(index) == golden[index].row)
      #expect(try cache.source(ofRow: index) == golden[index].source)
    }
  }

  @Test func rowsComeBackAsTheyWere() throws {
    try withScratchDirectory { directory throws in
      let url = directory.appendingPathComponent("a.h5")
      try write(golden, to: url)
      let cache = try TokenCache(url, key: testKey())
      try check(cache)
      #expect(cache.summary.layouts == ["messages", "text"])
      #expect(cache.summary.statistics == summary(of: golden.map(\.row)).statistics)
      #expect(cache.summary.statistics.lengthHistogram.map(\.rows).reduce(0, +) == 3)
      var hash = ContentHash()
      for (row, _) in golden { hash.add(row) }
      #expect(cache.contentHash == hash.value)
      // For `Tests/Parity/token_cache.py --check`.
      if let wanted = ProcessInfo.processInfo.environment["HALTER_PARITY_OUTPUT"] {
        let copy = URL(fileURLWithPath: wanted).appendingPathComponent("token_cache.h5")
        try? FileManager.default.removeItem(at: copy)
        try FileManager.default.copyItem(at: url, to: copy)
      }
    }
  }

  @Test func readsWhatH5pyWrote() throws {
    let url = try #require(Bundle.module.resourceURL)
      .appendingPathComponent("Fixtures/token_cache.h5")
    let cache = try TokenCache(url)
    try check(cache)
    #expect(cache.summary.layouts == ["messages", "text"])
    #expect(cache.contentHash == 0x1F)
    #expect(cache.summary.statistics.rowsRead == 4 && cache.summary.statistics.trainedTokens == 12)
    #expect(cache.summary.statistics.dropped(.tooLong).summary == "1 (a:2)")
    #expect(
      cache.summary.statistics.lengthHistogram.map(\.lengths) == [
        1...16, 17...32, 33...64, 65...128, 129...256, 257...512,
      ])
  }

  @Test func manyRowsOfManyLengthsComeBackInAnyOrder() throws {
    try withScratchDirectory { directory throws in
      let url = directory.appendingPathComponent("a.h5")
      let rows = (0..<3000).map { index in
        let length = index * index % 97 + (index % 500 == 7 ? 9000 : 1)
        return TokenizedRow(
          tokens: (0..<length).map { Int32(($0 * 31 + index) % 50_000) },
          lossWeights: (0..<length).map { Float(($0 / 5 + index) % 3) / 2 },
          location: RowLocation(file: "file \(index % 4)", line: index + 1))
      }
      try write(rows.map { ($0, 0) }, to: url)
      let cache = try TokenCache(url)
      #expect(cache.lengths == rows.map { Int32($0.tokens.count) })
      var index = 1
      for _ in rows.indices {
        index = (index * 1013 + 7) % rows.count
        #expect(try cache.row(index) == rows[index])
      }
    }
  }

  @Test func threadsCanShareACache() async throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("halter-cache-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let url = directory.appendingPathComponent("a.h5")
    try write(golden, to: url)
    let cache = try TokenCache(url)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for index in 0..<300 {
            guard try cache.row(index % 3) == golden[index % 3].row else { return false }
          }
          return true
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }

  @Test func aCacheWithoutRowsIsOne() throws {
    try withScratchDirectory { directory throws in
      let url = directory.appendingPathComponent("a.h5")
      try write([], to: url)
      let cache = try TokenCache(url)
      #expect(cache.count == 0 && cache.lengths.isEmpty)
    }
  }

  @Test func anotherKeyIsRefused() throws {
    try withScratchDirectory { directory throws in
      let url = directory.appendingPathComponent("a.h5")
      try write(golden, to: url)
      let error = #expect(throws: FormatError.self) {
        _ = try TokenCache(url, key: testKey(["tokenizer": "other"]))
      }
      #expect(error?.code == .mismatch)
      #expect(error?.message.hasPrefix("the cache was made from something else") == true)
    }
  }

  /// A file whose seal holds and whose content does not fit together.
  @Test(arguments: [
    ("rows/starts", [0, 4, 3, 305]), ("rows/starts", [1, 4, 304, 305]),
    ("rows/starts", [0, 4, 304, 306]), ("rows/starts", []), ("spans/starts", [0, 1, 4]),
    ("spans/starts", [0, 1, 9, 4]), ("spans/starts", [3, 1, 4, 4]), ("rows/line", [1, 2]),
  ])
  func whatDoesNotFitTogetherIsAnError(dataset: String, values: [Int]) throws {
    try withScratchDirectory { directory throws in
      let url = directory.appendingPathComponent("a.h5")
      try writeOdd(to: url, replacing: dataset, with: values.map(Int64.init))
      #expect(throws: FormatError.self) {
        let cache = try TokenCache(url)
        for index in 0..<cache.count { _ = try cache.row(index) }
      }
    }
  }

  @Test func whatFitsTogetherIsNone() throws {
    try withScratchDirectory { directory throws in
      let url = directory.appendingPathComponent("a.h5")
      try writeOdd(to: url, replacing: "rows/starts", with: [0, 4, 304, 305])
      let cache = try TokenCache(url)
      #expect(try cache.row(0).lossWeights == [0, 1, 1, 0])
    }
  }

  private func writeOdd(to url: URL, replacing name: String, with values: [Int64]) throws {
    try HDF5Writer.write(to: url, isSealed: true) { file in
      let wide: [String: [Int64]] = [
        "rows/starts": [0, 4, 304, 305], "rows/line": [1, 2, 3], "spans/starts": [0, 1, 1, 1],
      ]
      for (key, usual) in wide { try file.write(key == name ? values : usual, to: key) }
      try file.write([Int32](repeating: 7, count: 305), to: "tokens")
      for name in ["rows/file", "rows/source"] { try file.write([0, 0, 0] as [Int32], to: name) }
      try file.write([1] as [Int32], to: "spans/begin")
      try file.write([3] as [Int32], to: "spans/end")
      try file.write([1] as [Float], to: "spans/weight")
      try file.write(["a"], to: "files")
      let statistics = try JSONEncoder().encode(DatasetStatistics())
      let attributes = [
        "format": "halter token cache", "version": "1", "key": "0", "layouts": "[]",
        "content_hash": "0", "statistics": String(decoding: statistics, as: UTF8.self),
      ]
      for (key, value) in attributes { try file.setAttribute(value, for: key) }
    }
  }
}

/// A key with the usual parts, some of them replaced.
func testKey(_ values: [String: String] = [:]) -> TokenCacheKey {
  let usual = [("tokenizer", "the tokenizer", "a"), ("length", "max_length", "512")]
  return TokenCacheKey(
    usual.map { name, title, value in
      TokenCacheKey.Part(name: name, title: title, value: values[name] ?? value)
    })
}

/// What is known of rows that are all kept.
func summary(of rows: [TokenizedRow]) -> DatasetSummary {
  var statistics = DatasetStatistics()
  for row in rows {
    var encoded = EncodedExample(kind: .conversation, location: row.location)
    (encoded.rows, encoded.length) = ([row], row.tokens.count)
    (encoded.trainedAnswers, encoded.trainedStops) = (1, 1)
    statistics.add(encoded)
  }
  return DatasetSummary(statistics: statistics, layouts: ["messages", "text"])
}

extension Dataset {
  /// All rows in order.
  func all() throws -> [TokenizedRow] { try (0..<count).map { index in try row(index) } }
}

/// A directory that exists while `body` runs.
func withScratchDirectory<R>(_ body: (URL) throws -> R) throws -> R {
  let url = FileManager.default.temporaryDirectory
    .appendingPathComponent("halter-data-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url)
}
