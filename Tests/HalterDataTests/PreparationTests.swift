import Foundation
import HalterFormats
import HalterTokenizers
import Testing

@testable import HalterData

@Suite struct PreparationTests {
  private static let tokenizer = Result { try TinyTokenizer.make() }

  private func encoder(
    trainOn: TrainOn = .assistant, length: LengthPolicy = LengthPolicy(maxLength: 200)
  ) throws -> ExampleEncoder {
    ExampleEncoder(
      renderer: PromptRenderer(
        tokenizer: try Self.tokenizer.get(), template: ChatTemplate(.chatml), trainOn: trainOn),
      length: length)
  }

  private func line(_ index: Int) -> String {
    let answer = String(repeating: "hello there ", count: 1 + index * index % 40)
    return #"{"prompt": "row \#(index)", "completion": "\#(answer)"}"#
  }

  /// A file of rows of many lengths, some of them too long, and a second source.
  private func sources(_ count: Int = 900) throws -> (files: [ScratchFile], [DataSource]) {
    let files = [
      try ScratchFile((0..<count).map(line).joined(separator: "\n")),
      try ScratchFile(
        #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#),
    ]
    return (
      files,
      [
        DataSource(path: files[0].url.path, name: "a.jsonl"),
        DataSource(path: files[1].url.path, name: "b.jsonl"),
      ]
    )
  }

  private func open(
    _ sources: [DataSource], in directory: URL, encoder: ExampleEncoder? = nil, threads: Int = 2,
    report: (DatasetEvent) throws -> Void = { _ in }
  ) throws -> (dataset: Dataset, file: URL) {
    try Dataset.open(
      sources, encoder: encoder ?? self.encoder(),
      cachedIn: TokenCacheStore(directory: directory), subject: "test", threads: threads,
      report: report)
  }

  @Test func aCachedSetIsTheSameAsOneInMemory() throws {
    let (files, sources) = try sources()
    try withScratchDirectory { directory throws in
      let memory = try Dataset(reading: sources, encoder: encoder())
      for _ in 0..<2 {
        let cached = try open(sources, in: directory).dataset
        #expect(cached.lengths == memory.lengths)
        #expect(try cached.all() == memory.all())
        #expect(cached.contentHash == memory.contentHash)
        #expect(cached.statistics == memory.statistics)
        #expect(cached.layouts == ["prompt-completion", "messages"])
        #expect(try cached.source(ofRow: 0) == 0)
        #expect(try cached.source(ofRow: cached.count - 1) == 1)
        #expect(try memory.source(ofRow: cached.count - 1) == 1)
      }
      #expect(memory.statistics.dropped(.tooLong).count > 50)
    }
    withExtendedLifetime(files) {}
  }

  @Test func theFileIsTheSameAtAnyThreadCount() throws {
    let (files, sources) = try sources()
    var contents: [Data] = []
    for threads in [1, 2, 5] {
      try withScratchDirectory { directory throws in
        let file = try open(sources, in: directory, threads: threads).file
        contents.append(try Data(contentsOf: file))
      }
    }
    #expect(contents[0] == contents[1] && contents[0] == contents[2])
    withExtendedLifetime(files) {}
  }

  @Test(arguments: [1, 4]) func theFirstFaultInOrderIsNamed(threads: Int) throws {
    var lines = (0..<1200).map(line)
    for index in [1100, 917, 919] { lines[index] = "{" }
    let file = try ScratchFile(lines.joined(separator: "\n"))
    try withScratchDirectory { directory throws in
      let found = complaint {
        try open([file.source()], in: directory, threads: threads)
      }
      #expect(found.hasPrefix("rows.jsonl:918:"), "\(found)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
      #expect(
        complaint {
          try Dataset(reading: [file.source()], encoder: encoder(), threads: threads)
        } == found)
    }
  }

  @Test func progressComesToAnEnd() throws {
    let (files, sources) = try sources()
    let total = try files.reduce(0) { try $0 + Data(contentsOf: $1.url).count }
    try withScratchDirectory { directory throws in
      var seen: [PreparationProgress] = []
      _ = try open(sources, in: directory) { event in
        if case .progress(let progress) = event { seen.append(progress) }
      }
      for phase in [PreparationProgress.Phase.checking, .tokenizing] {
        let steps = seen.filter { $0.phase == phase }
        #expect(steps.first?.bytesDone == 0)
        #expect(steps.last?.bytesDone == total)
        #expect(steps.allSatisfy { $0.bytesTotal == total })
        #expect(steps.map(\.bytesDone) == steps.map(\.bytesDone).sorted())
      }
      #expect(seen.last?.rows == 901)
      #expect(seen.count > 6)
    }
    withExtendedLifetime(files) {}
  }

  @Test func whatHappensIsReported() throws {
    let file = try ScratchFile((0..<20).map(line).joined(separator: "\n"))
    try withScratchDirectory { directory throws in
      func events(
        _ source: DataSource, encoder: ExampleEncoder? = nil
      ) throws -> [TokenCacheEvent] {
        var events: [TokenCacheEvent] = []
        _ = try open([source], in: directory, encoder: encoder) { event in
          if case .cache(let event) = event { events.append(event) }
        }
        return events
      }
      #expect(try events(file.source()) == [.building(.new)])
      #expect(try events(file.source()) == [.reused])
      #expect(
        try events(file.source(limit: 7))
          == [.building(.changed(["the settings of rows.jsonl"]))])
      #expect(
        try events(file.source(), encoder: encoder(trainOn: .all))
          == [.building(.changed(["the settings of rows.jsonl", "train_on"]))])
      try Data((line(3) + "\n").utf8).write(to: file.url)
      #expect(
        try events(file.source(), encoder: encoder(trainOn: .all))
          == [.building(.changed(["the content of rows.jsonl"]))])
    }
  }

  @Test func aFileThatChangesMeanwhileIsNotTrusted() throws {
    let (files, sources) = try sources()
    try withScratchDirectory { directory throws in
      let found = complaint {
        try open(sources, in: directory) { event in
          guard case .cache(.building) = event else { return }
          let handle = try FileHandle(forWritingTo: files[0].url)
          try handle.seekToEnd()
          try handle.write(contentsOf: Data(("\n" + line(1)).utf8))
          try handle.close()
        }
      }
      #expect(found.hasPrefix("a.jsonl: the file was changed while it was being read"), "\(found)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
    }
  }

  @Test func itCanBeEndedAtAnyTime() throws {
    struct Enough: Error {}
    let (files, sources) = try sources()
    try withScratchDirectory { directory throws in
      var calls = 0
      _ = try open(sources, in: directory.appendingPathComponent("whole")) { _ in calls += 1 }
      for last in stride(from: 0, to: calls, by: 5) {
        let place = directory.appendingPathComponent("\(last)")
        var count = 0
        #expect(throws: Enough.self) {
          _ = try open(sources, in: place) { _ in
            if count == last { throw Enough() }
            count += 1
          }
        }
        let left = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
        #expect(left.filter { $0 != "index" }.isEmpty || last == calls - 1, "\(last): \(left)")
      }
    }
    withExtendedLifetime(files) {}
  }

  @Test func aSetThatTeachesNothingIsNotCached() throws {
    let file = try ScratchFile(line(1))
    try withScratchDirectory { directory throws in
      let found = complaint {
        try open(
          [file.source()], in: directory, encoder: encoder(length: LengthPolicy(maxLength: 3)))
      }
      #expect(found.contains("none of the 1 rows is left"), "\(found)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
    }
  }

  @Test func aMissingFileIsNamedBeforeAnythingElse() throws {
    let (files, sources) = try sources()
    try withScratchDirectory { directory throws in
      let missing = DataSource(
        path: directory.appendingPathComponent("none.jsonl").path, name: "none.jsonl")
      var events = 0
      let found = complaint {
        try open(sources + [missing], in: directory) { _ in events += 1 }
      }
      #expect(found.hasPrefix("none.jsonl: there is no such file"), "\(found)")
      #expect(events == 0)
    }
    withExtendedLifetime(files) {}
  }

  @Test func everyFileOfADirectoryCounts() throws {
    try withScratchDirectory { directory throws in
      let data = directory.appendingPathComponent("data")
      try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
      for name in ["a.jsonl", "b.jsonl"] {
        try Data(line(1).utf8).write(to: data.appendingPathComponent(name))
      }
      let source = DataSource(path: data.path, name: "data")
      let store = directory.appendingPathComponent("store")
      func events() throws -> [TokenCacheEvent] {
        var events: [TokenCacheEvent] = []
        _ = try open([source], in: store) { event in
          if case .cache(let event) = event { events.append(event) }
        }
        return events
      }
      let changed = [TokenCacheEvent.building(.changed(["the content of data"]))]
      #expect(try events() == [.building(.new)])
      #expect(try events() == [.reused])
      try Data(line(2).utf8).write(to: data.appendingPathComponent("b.jsonl"))
      #expect(try events() == changed)
      try Data(line(2).utf8).write(to: data.appendingPathComponent("c.jsonl"))
      #expect(try events() == changed)
      // Rows know their files by name.
      try FileManager.default.moveItem(
        at: data.appendingPathComponent("c.jsonl"), to: data.appendingPathComponent("d.jsonl"))
      #expect(try events() == changed)
      let rows = try open([source], in: store).dataset.all()
      #expect(
        rows.map(\.location.description) == ["data/a.jsonl:1", "data/b.jsonl:1", "data/d.jsonl:1"])
    }
  }
}
