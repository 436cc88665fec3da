import HalterData
import HalterTokenizers
import Testing

private let good =
  #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#

@Suite struct LayoutTests {
  @Test func sniffsTheLayoutFromTheFirstRow() throws {
    let messages = try ScratchFile(good)
    let reader = try SourceReader(messages.source(layout: "auto"))
    #expect(reader.decoder.layout.name == "messages")
  }

  /// A first row of each layout, with columns that often stand beside it.
  @Test(arguments: [
    (#"{"id": 1, "messages": []}"#, "messages"),
    (#"{"messages": [], "tools": null, "prompt": null}"#, "messages"),
    (#"{"conversations": [], "system": "", "tools": ""}"#, "sharegpt"),
    (#"{"instruction": "a", "input": "", "output": "b", "text": "a b"}"#, "alpaca"),
    (#"{"instruction": "a", "output": "b", "history": []}"#, "alpaca"),
    (#"{"prompt": "a", "completion": "b", "text": "ab"}"#, "prompt-completion"),
    (#"{"text": "a", "url": "b"}"#, "text"),
    (#"{"prompt": "a", "chosen": "b", "rejected": "c", "margin": 1}"#, "preference"),
    (#"{"chosen": [], "rejected": [], "score_chosen": 1}"#, "preference"),
    (#"{"conversations": [], "chosen": {}, "rejected": {}}"#, "preference"),
    (#"{"prompt": "\n\nHuman: a", "chosen": "\n\nHuman: b", "rejected": "c"}"#, "preference"),
    (#"{"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a"}"#, "hh-rlhf"),
    (#"{"prompt": "a", "completion": "b", "label": false}"#, "kto"),
    (#"{"prompt": "a", "text": null}"#, "prompts"),
  ]) func everyLayoutIsSniffed(row: String, layout: String) throws {
    let file = try ScratchFile(row)
    #expect(try SourceReader(file.source()).decoder.layout.name == layout)
  }

  @Test func everyLayoutClaimsItsOwnShapeOnly() throws {
    for layout in Layouts.all {
      // The shapes have the columns' names in quotes.
      #expect(layout.columns.contains { layout.shape.contains("\"\($0)\"") }, "\(layout.name)")
    }
  }

  @Test func everyRowMustFitTheFirst() {
    let found = complaint {
      try conversations(good + "\n" + #"{"prompt": "a", "completion": "b"}"#)
    }
    #expect(
      found.hasPrefix(
        "rows.jsonl:2: the column `messages` is missing: found `prompt`, `completion`, expected"),
      "\(found)")
    #expect(found.hasSuffix("(layout `messages`)"), "\(found)")
  }

  @Test func namedLayoutIsPinned() {
    let found = complaint { try conversations(good, layout: "prompt-completion") }
    #expect(found.hasPrefix("rows.jsonl:1: the column `prompt` is missing"), "\(found)")
  }

  @Test func unknownLayoutListsTheKnown() {
    let found = complaint { try conversations(good, layout: "mesages") }
    #expect(
      found
        == "there is no layout `mesages`; the layouts are `auto`, `messages`, `sharegpt`, `alpaca`,"
        + " `prompt-completion`, `text`, `preference`, `hh-rlhf`, `ranking`, `kto`,"
        + " `prompts`")
  }

  @Test func unknownKeysNameTheKnownLayouts() {
    let found = complaint { try conversations(#"{"question": "a", "answer": "b"}"#) }
    #expect(
      found.hasPrefix("rows.jsonl:1: no layout has the columns `question`, `answer` of this row"),
      "\(found)")
    #expect(found.contains(#"messages: {"messages": ["#), "\(found)")
  }

  @Test func ambiguousKeysAskForALayout() {
    let found = complaint {
      try conversations(#"{"messages": [], "prompt": "a", "completion": "b"}"#)
    }
    #expect(
      found.contains("fit the layouts `messages` and `prompt-completion`; name one"), "\(found)")
  }

  @Test(arguments: ["", "\n\n", "\u{FEFF}", "  \r\n"]) func anEmptyFileIsRefused(text: String) {
    #expect(
      complaint { try conversations(text) }
        == "rows.jsonl: the file is empty: expected one JSON object a line")
  }

  @Test func limitStopsBeforeLaterRows() throws {
    let file = try ScratchFile(good + "\n" + good + "\nnot JSON")
    #expect(try examples(file.source(limit: 2)).count == 2)
  }

  @Test(arguments: ["completion", "instruction", "conversations", "messages", "label"])
  func aNullColumnIsNoColumn(column: String) {
    let found = complaint { try conversations(#"{"question": "a", "\#(column)": null}"#) }
    #expect(found.contains("no layout has the columns"), "\(found)")
  }

  @Test func aMissingColumnSaysSoAndANullOneToo() throws {
    let row = #"{"prompt": "a", "completion": "b"}"#
    let found = complaint {
      try conversations(row + "\n" + #"{"prompt": "a", "completion": null}"#)
    }
    #expect(
      found.hasPrefix("rows.jsonl:2: the column `completion` is null: found `prompt`,"), "\(found)")
  }

  @Test func everyLayoutHasItsOwnName() {
    #expect(Set(Layouts.all.map(\.name)).count == Layouts.all.count)
  }
}
