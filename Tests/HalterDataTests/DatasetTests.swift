import Foundation
import HalterData
import HalterTokenizers
import Testing

@Suite struct DatasetTests {
  private func encoder(
    trainOn: TrainOn = .assistant, specials: [String] = TinyTokenizer.specials,
    length: LengthPolicy = LengthPolicy()
  ) throws -> ExampleEncoder {
    ExampleEncoder(
      renderer: PromptRenderer(
        tokenizer: try TinyTokenizer.make(specials: specials),
        template: try ChatTemplate.named("chatml"), trainOn: trainOn), length: length)
  }

  private func line(_ question: String, _ answer: String) -> String {
    #"{"prompt": "\#(question)", "completion": "\#(answer)"}"#
  }

  @Test func countsRowsAndTokens() throws {
    let file = try ScratchFile(line("a", "b") + "\n" + line("aa", "bbb") + "\n")
    let data = try Dataset(reading: [file.source()], encoder: encoder())
    #expect(data.count == 2)
    #expect(data.layouts == ["prompt-completion"])
    #expect(data.statistics.rowsRead == 2)
    #expect(data.statistics.rows == 2)
    #expect(data.statistics.trainedTokens == 2 + 4)
    #expect(data.statistics.trainedStops == 2)
    #expect(data.statistics.tokens == data.lengths.reduce(0, +))
    #expect(data.statistics.longest == data.lengths.max())
    #expect(try data.all().map(\.location.description) == ["rows.jsonl:1", "rows.jsonl:2"])
  }

  @Test func readsSeveralSourcesInOrder() throws {
    let one = try ScratchFile(line("a", "b"))
    let two = try ScratchFile(
      #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#)
    let data = try Dataset(reading: [one.source(), two.source()], encoder: encoder())
    #expect(data.layouts == ["prompt-completion", "messages"])
    #expect(try data.row(0).tokens == data.row(1).tokens)
  }

  @Test func dropsLongRowsAndSaysWhich() throws {
    let long = String(repeating: "x", count: 200)
    let lines = (0..<20).map { line("a", $0 % 2 == 1 ? long : "b") }
    let file = try ScratchFile(lines.joined(separator: "\n"))
    let data = try Dataset(
      reading: [file.source()], encoder: encoder(length: LengthPolicy(maxLength: 100)))
    #expect(data.count == 10)
    #expect(data.statistics.rowsRead == 20)
    #expect(data.statistics.dropped(.tooLong).count == 10)
    #expect(data.statistics.dropped(.tooLong).first.map(\.line) == [2, 4, 6, 8, 10])
    #expect(
      data.statistics.dropped(.tooLong).summary
        == "10 (rows.jsonl:2, rows.jsonl:4, rows.jsonl:6, rows.jsonl:8, rows.jsonl:10, …)")
    #expect(data.statistics.longestRead > 200)
    #expect(data.statistics.longest < 100)
  }

  @Test func aRowOfExactlyTheLimitIsKept() throws {
    let file = try ScratchFile(line("a", "b"))
    let length = try Dataset(reading: [file.source()], encoder: encoder()).lengths[0]
    for (limit, fits) in [(length, true), (length - 1, false)] {
      let found = complaint {
        try Dataset(
          reading: [file.source()],
          encoder: encoder(length: LengthPolicy(maxLength: limit, onOverflow: .error)))
      }
      #expect(found.isEmpty == fits, "\(found)")
    }
  }

  @Test func longRowsAreAnErrorWhereAsked() throws {
    let file = try ScratchFile(
      line("a", "b") + "\n" + line("a", String(repeating: "x", count: 200)))
    let found = complaint {
      try Dataset(
        reading: [file.source()],
        encoder: encoder(length: LengthPolicy(maxLength: 100, onOverflow: .error)))
    }
    #expect(found.hasPrefix("rows.jsonl:2: the row has "), "\(found)")
    #expect(found.contains("`max_length` is 100"), "\(found)")
  }

  @Test func allRowsDroppedIsAnError() throws {
    let file = try ScratchFile(line("a", "b"))
    let found = complaint {
      try Dataset(
        reading: [file.source()], encoder: encoder(length: LengthPolicy(maxLength: 3)))
    }
    #expect(
      found.hasPrefix(
        "rows.jsonl: none of the 1 rows is left to train on; longer than `max_length` 3: 1"
          + " (rows.jsonl:1), the longest has "), "\(found)")
  }

  @Test func rowsWithNothingTrainedAreCounted() throws {
    let nothing = conversation((.user, "a"))
    let something = conversation((.user, "a"), (.assistant, "b"))
    let data = try Dataset(
      [nothing, something, nothing].map(Example.conversation), encoder: encoder())
    #expect(data.count == 1)
    #expect(data.statistics.dropped(.untrained).count == 2)
  }

  @Test func nothingTrainedAtAllIsAnError() throws {
    let found = complaint {
      try Dataset([conversation((.user, "a"))].map(Example.conversation), encoder: encoder())
    }
    #expect(
      found == "rows.jsonl: none of the 1 rows is left to train on; nothing to train on: 1"
        + " (rows.jsonl:1)")
  }

  @Test func noRowsIsAnError() {
    #expect(complaint { try Dataset([], encoder: encoder()) } == "the data: there are no rows")
  }

  @Test func aSetThatNeverTrainsAStopTokenIsRefused() throws {
    // The tokenizer has no <|im_end|>: the template's stop is just ten characters.
    let specials = ["<s>", "</s>"]
    let found = complaint {
      try Dataset(
        [.conversation(conversation((.user, "a"), (.assistant, "b")))],
        encoder: encoder(specials: specials))
    }
    #expect(found.contains("no answer of the 1 rows ends in a trained stop token"), "\(found)")
  }

  @Test func hashFollowsTheContent() throws {
    func hash(_ rows: [Conversation], _ trainOn: TrainOn = .assistant) throws -> UInt64 {
      try Dataset(rows.map(Example.conversation), encoder: encoder(trainOn: trainOn)).contentHash
    }
    let one = conversation((.user, "a"), (.assistant, "b"))
    let two = conversation((.user, "a"), (.assistant, "c"))
    #expect(try hash([one, two]) == hash([one, two]))
    #expect(try hash([one, two]) != hash([two, one]))
    #expect(try hash([one]) != hash([one, one]))
    #expect(try hash([one]) != hash([two]))
    #expect(try hash([one]) != hash([one], .all))
  }

  @Test func histogramAddsUp() throws {
    let rows = [1, 5, 40, 41, 300].map { count in
      conversation((.user, "a"), (.assistant, String(repeating: "x", count: count)))
    }
    let data = try Dataset(rows.map(Example.conversation), encoder: encoder())
    let histogram = data.statistics.lengthHistogram
    #expect(histogram.reduce(0) { $0 + $1.rows } == 5)
    for bucket in histogram {
      #expect(data.lengths.count { bucket.lengths.contains($0) } == bucket.rows)
    }
  }

  @Test func bigFilesStreamInBoundedMemory() throws {
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("halter-big-\(UUID().uuidString).jsonl")
    defer { try? FileManager.default.removeItem(at: file) }
    let row = Data((line("a", String(repeating: "lorem ipsum ", count: 400)) + "\n").utf8)
    let block = Data(repeatElement(row, count: 200).joined())
    #expect(FileManager.default.createFile(atPath: file.path, contents: nil))
    let handle = try FileHandle(forWritingTo: file)
    for _ in 0..<50 { try handle.write(contentsOf: block) }
    try handle.close()

    let before = try residentMegabytes()
    var lines = try LineReader(url: file)
    var count = 0
    var bytes = 0
    var peak = before
    while let line = try lines.next() {
      count += 1
      bytes += line.bytes.count + 1
      if count % 1000 == 0 { peak = max(peak, try residentMegabytes()) }
    }
    #expect(count == 10_000)
    #expect(bytes == 50 * block.count)
    #expect(peak - before < 25, "grew by \(peak - before) MB on a file of \(bytes >> 20) MB")
  }
}
