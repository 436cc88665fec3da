import HalterTokenizers
import Testing

private let names = [
  "gpt2", "gpt2-prefix", "digits-run", "llama3", "qwen2", "llama2", "metaspace-first",
  "metaspace-always", "metaspace-never", "unknown-fused", "unknown-single", "tiny",
]

@Suite("Ids and texts equal those of the tokenizers library")
struct GoldenIDsTests {
  @Test("encode", arguments: names)
  func encode(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    let golden = try Fixture.golden(name)
    for (text, ids) in zip(try Fixture.strings(), golden.ids) {
      #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
    }
  }

  @Test("encode without control tokens", arguments: names)
  func encodePlain(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    let golden = try Fixture.golden(name)
    for (index, text) in try Fixture.strings().enumerated() {
      let ids = golden.plain["\(index)"] ?? golden.ids[index]
      #expect(tokenizer.encode(text, parseSpecial: false) == ids, "\(text.debugDescription)")
    }
  }

  @Test("decode", arguments: names)
  func decode(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    let golden = try Fixture.golden(name)
    for (index, text) in try Fixture.strings().enumerated() {
      let expected = golden.decoded["\(index)"] ?? text
      let decoded = tokenizer.decode(golden.ids[index])
      #expect(
        decoded.unicodeScalars.elementsEqual(expected.unicodeScalars), "\(text.debugDescription)")
    }
  }

  @Test("decode a middle part, which may be torn", arguments: names)
  func decodeTorn(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    let torn = try Fixture.golden(name).torn
    #expect(torn.count >= 20)
    for part in torn {
      #expect(
        tokenizer.decode(part.ids).unicodeScalars.elementsEqual(part.text.unicodeScalars),
        "\(part.ids)")
    }
  }

  @Test("what the checkpoint puts around a text", arguments: names)
  func addSpecial(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    let golden = try Fixture.golden(name)
    #expect(tokenizer.encode("", addSpecial: true) == golden.added[0])
    #expect(tokenizer.encode("hello", addSpecial: true) == golden.added[1])
  }

  @Test("a whole word that no merge makes", arguments: ["llama3", "qwen2"])
  func ignoreMerges(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    let golden = try Fixture.golden(name)
    let word = try #require(tokenizer.id(of: "Ġrhinoceros"))
    #expect(tokenizer.encode("a rhinoceros") == golden.rhino)
    #expect(golden.rhino.contains(word) == (name == "llama3"))
  }

  @Test("what is written is read back to the same ids", arguments: names)
  func writeAndRead(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    try Fixture.export(tokenizer, as: name)
    let back = try Fixture.withDirectory { directory in
      try tokenizer.write(to: directory)
      return try Tokenizer.load(directory: directory)
    }
    #expect(back.vocabularySize == tokenizer.vocabularySize)
    #expect(back.special == tokenizer.special)
    #expect(back.addedTokens == tokenizer.addedTokens)
    for text in try Fixture.strings() {
      #expect(back.encode(text, addSpecial: true) == tokenizer.encode(text, addSpecial: true))
    }
  }

  @Test("the strings are many and hostile")
  func fixtureSize() throws {
    let strings = try Fixture.strings()
    #expect(strings.count >= 150)
    #expect(strings.contains { $0.unicodeScalars.contains("\0") })
    #expect(strings.contains { $0.unicodeScalars.contains("\u{200D}") })
  }
}
