import HalterData
import HalterTokenizers
import Testing

/// Files whose columns have other names than the layout's.
@Suite struct ColumnTests {
  private func read(
    _ text: String, _ columns: [String: String], layout: String? = nil
  ) throws -> [Conversation] {
    let file = try ScratchFile(text)
    return try examples(file.source(layout: layout, columns: columns)).compactMap { example in
      if case .conversation(let conversation) = example { return conversation }
      return nil
    }
  }

  @Test func aLayoutIsFoundUnderOtherNames() throws {
    let read = try read(
      #"{"question": "a", "answer": "b"}"#, ["prompt": "question", "completion": "answer"])
    #expect(read[0].messages.map(\.content) == ["a", "b"])
  }

  @Test func namesMayBeExchanged() throws {
    let read = try read(
      #"{"prompt": "b", "completion": "a"}"#, ["prompt": "completion", "completion": "prompt"])
    #expect(read[0].messages.map(\.content) == ["a", "b"])
  }

  @Test func faultsNameTheFilesColumns() {
    #expect(
      complaint { try read(#"{"turns": [{"role": "user"}]}"#, ["messages": "turns"]) }
        == "rows.jsonl:1: turns[0].content: the key is missing: found `role`")
    #expect(
      complaint {
        try read(
          #"{"question": "a", "completion": "b"}"# + "\n" + #"{"completion": "b"}"#,
          ["prompt": "question"])
      } == "rows.jsonl:2: the column `question` is missing: found `completion`, expected"
        + #" {"prompt": …, "completion": …} (layout `prompt-completion`, whose `prompt` it is to"#
        + " be)")
  }

  @Test func bothSidesAreChecked() {
    let row = #"{"question": "a", "answer": "b"}"#
    #expect(
      complaint {
        try read(row, ["prompt": "question", "text": "answer"], layout: "prompt-completion")
      } == "rows.jsonl: `columns` names `text`, which is no column of the layout"
        + " `prompt-completion`; its columns are `prompt`, `completion`, `system`, `tools`")
    #expect(
      complaint {
        try read(row, ["prompt": "questoin", "completion": "answer"], layout: "prompt-completion")
      }
        == "rows.jsonl: no row among the first 1 has the column `questoin`, which `columns` names as"
        + " the layout's `prompt`; the first has `question`, `answer`")
  }

  @Test func aColumnMayBeMissingInSomeRows() throws {
    let row = #"{"prompt": "a", "completion": "b"}"#
    let other = #"{"question": "a", "completion": "b"}"#
    let file = try ScratchFile([row, row, other].joined(separator: "\n"))
    let source = file.source(layout: "prompt-completion", columns: ["prompt": "question"])
    var reader = try SourceReader(source)
    var lines: [Int] = []
    while let record = try reader.next() { lines.append(record.location.line) }
    #expect(lines == [1, 2, 3])
  }

  @Test func textsSpellValuesWhereAFormatKnowsTextsOnly() throws {
    let folder = try ScratchFolder()
    try folder.write(
      "a.csv",
      "turns,tools\n\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"a\"\"}, {\"\"role\"\":"
        + " \"\"assistant\"\", \"\"content\"\": \"\"b\"\"}]\",\n\"[{\"\"role\"\": 1}]\",\n[x,\n")
    var reader = try SourceReader(folder.source("a.csv", columns: ["messages": "turns"]))
    #expect(reader.decoder.layout.name == "messages")
    let found = try (0..<3).map { _ in
      let record = try #require(try reader.next())
      return complaint { try reader.decoder.example(from: record).texts == ["a", "b"] ? nil : 0 }
    }
    #expect(
      found == [
        "", "data/a.csv:3: turns[0].role: found a number, expected text",
        "data/a.csv:4: turns: found text, expected a list of messages",
      ])
  }

  @Test func judgementsAndMarginsOfTablesAreRead() throws {
    let folder = try ScratchFolder()
    try folder.write("a.csv", "prompt,completion,label\na,b,True\na,c,false\n")
    try folder.write("b.tsv", "prompt\tchosen\trejected\tmargin\na\tb\tc\t0.5\na\tb\td\t\n")
    let judged = try examples(folder.source("a.csv")).map { example -> Bool? in
      if case .judged(let row) = example { return row.isDesirable }
      return nil
    }
    #expect(judged == [true, false])
    let margins = try examples(folder.source("b.tsv")).map { example -> Double?? in
      if case .preference(let row) = example { return row.margin }
      return nil
    }
    #expect(margins == [0.5, .some(nil)])
  }
}
