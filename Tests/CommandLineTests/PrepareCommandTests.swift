import Foundation
import Testing

/// Rows that are tokenised once and for all.
@Suite struct PrepareCommandTests {
  private let work: Workshop

  init() throws {
    work = try Workshop()
  }

  private var caches: [String] { work.names("home/datasets").filter { $0.hasSuffix(".h5") } }

  /// So many rows, of which no two are the same.
  private static func rows(_ count: Int) -> String {
    Workshop.rows((0..<count).map { ("Row \($0)?", "This is number \($0).") })
  }

  @Test func rowsAreTokenisedOnceAndThenReused() throws {
    let first = try work.succeeds("data", "prepare", "tiny.yaml")
    #expect(
      first.lines[0] == "train: 8 rows tokenised, as there was no cache of these rows",
      "\(first.out)")
    #expect(first.out.contains("home/datasets/"), "\(first.out)")
    #expect(caches.count == 2)
    let second = try work.succeeds("data", "prepare", "tiny.yaml")
    #expect(second.lines[0] == "train: 8 rows from the cache", "\(second.out)")
    let run = try work.succeeds("run", "tiny.yaml")
    #expect(run.err.contains("train: 8 rows from the cache"), "\(run.err)")
    #expect(run.err.contains("validation: 2 rows from the cache"), "\(run.err)")
    #expect(caches.count == 2)
  }

  @Test func theJSONSaysWhereTheyAre() throws {
    let result = try work.succeeds("data", "prepare", "tiny.yaml", "--json", "--quiet")
    #expect(result.err == "")
    let objects = try Metrics.objects(result.out)
    #expect(objects.map { $0["name"] as? String } == ["train", "validation"])
    for object in objects {
      let file = try #require(object["file"] as? String)
      #expect(try Data(contentsOf: URL(fileURLWithPath: file)).count == object["bytes"] as? Int)
      #expect(object["reused"] as? Bool == false)
      #expect(object["reason"] as? String == "there was no cache of these rows")
    }
    #expect((objects[0]["counts"] as? [String: Any])?["rows"] as? Int == 8)
  }

  @Test func aRunSaysWhatChanged() throws {
    try work.succeeds("run", "tiny.yaml", "--quiet")
    try work.write(Workshop.rows(Workshop.questions[1..<8]), to: "train.jsonl")
    let row = try work.succeeds("run", "tiny.yaml")
    #expect(
      row.err.contains("train: 7 rows tokenised, as the content of train.jsonl changed"),
      "\(row.err)")
    #expect(
      row.err.contains(
        "validation: 2 rows tokenised, as the rows that these are held against changed"),
      "\(row.err)")
    let policy = try work.succeeds("run", "tiny.yaml", "data.train_on=all")
    #expect(policy.err.contains("train: 7 rows tokenised, as train_on changed"), "\(policy.err)")
  }

  @Test func aDamagedCacheIsMadeAgainWithAWarning() throws {
    try work.succeeds("data", "prepare", "tiny.yaml", "--quiet")
    for name in caches {
      var bytes = try work.bytes("home/datasets/\(name)")
      bytes[bytes.count / 2] ^= 4
      try bytes.write(to: work.url("home/datasets/\(name)"))
    }
    let result = try work.succeeds("run", "tiny.yaml", "--quiet")
    #expect(
      result.err.contains("the cache of train was damaged and is made again: "), "\(result.err)")
    let shared = try SharedRun.workshop()
    #expect(try Metrics.essence(work, "run") == Metrics.essence(shared, "run"))
  }

  @Test func aFaultyRowLeavesNoCache() throws {
    let rows = try work.read("train.jsonl")
    try work.write(rows + "{\n", to: "train.jsonl")
    try work.fails(65, "data", "prepare", "tiny.yaml", "--quiet", saying: ["train.jsonl:9:"])
    #expect(work.names("home/datasets").filter { $0 != "index" } == [])
  }

  @Test func aPlaceThatCannotBeWrittenIsNamed() throws {
    try work.write("", to: "home")
    try work.fails(73, "data", "prepare", "tiny.yaml", "--quiet", saying: ["home/datasets"])
  }

  @Test func aSignalWhileReadingLeavesNothing() throws {
    try work.write(Self.rows(20_000), to: "train.jsonl")
    let run = try work.start("run", "tiny.yaml")
    try #require(
      run.wait { work.names("home/datasets").contains { $0.contains(".partial-") } })
    run.send(SIGINT)
    let result = run.wait()
    #expect(result.code == 130, "\(result.err)")
    #expect(result.err.contains("interrupted while the data was being read"), "\(result.err)")
    #expect(work.names("home/datasets").filter { $0 != "index" } == [])
    #expect(!work.exists("run"))
  }

  /// Killed again and again at moments that nobody chose: what is there is whole or nothing.
  @Test func killedWhileWritingItLeavesNoHalfCache() throws {
    try work.write(Self.rows(3000), to: "train.jsonl")
    let whole = try work.succeeds("data", "prepare", "tiny.yaml", "--json", "--quiet")
    let file = try #require(try Metrics.objects(whole.out).first?["file"] as? String)
    let expected = try Data(contentsOf: URL(fileURLWithPath: file))
    var random = SystemRandomNumberGenerator()
    for kill in 1...8 {
      try? FileManager.default.removeItem(atPath: file)
      let run = try work.start("data", "prepare", "tiny.yaml", "--quiet")
      _ = run.wait { work.names("home/datasets").contains { $0.contains(".partial-") } }
      usleep(UInt32.random(in: 0..<200_000, using: &random))
      run.send(SIGKILL)
      _ = run.wait()
      if let found = try? Data(contentsOf: URL(fileURLWithPath: file)) {
        #expect(found == expected, "after kill \(kill)")
      }
    }
    try? FileManager.default.removeItem(atPath: file)
    try work.succeeds("data", "prepare", "tiny.yaml", "--quiet")
    #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == expected)
    let left = work.names("home/datasets").filter { !$0.hasSuffix(".h5") && $0 != "index" }
    #expect(left.isEmpty, "\(left)")
  }

  @Test func twoProcessesAtOnceBothEndWithAGoodOne() throws {
    try work.write(Self.rows(3000), to: "train.jsonl")
    let runs = try (0..<3).map { _ in
      try work.start("data", "prepare", "tiny.yaml", "--json", "--quiet")
    }
    let results = runs.map { $0.wait() }
    for result in results { #expect(result.code == 0, "\(result.err)") }
    let reused = try results.map { try Metrics.objects($0.out).first?["reused"] as? Bool }
    #expect(reused.filter { $0 == false }.count == 1, "\(reused)")
    #expect(caches.count == 2)
    let again = try work.succeeds("data", "prepare", "tiny.yaml", "--json", "--quiet")
    #expect(try Metrics.objects(again.out).allSatisfy { $0["reused"] as? Bool == true })
  }
}
