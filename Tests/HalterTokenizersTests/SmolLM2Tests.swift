import Foundation
import HalterTokenizers
import Testing

private let model = ProcessInfo.processInfo.environment["HALTER_TEST_MODEL"]
private let data = ProcessInfo.processInfo.environment["HALTER_TEST_DATA"]

@Suite("SmolLM2, read from its GGUF file", .enabled(if: model != nil))
struct SmolLM2Tests {
  let tokenizer: Tokenizer

  private static let loaded = Result {
    try Tokenizer(gguf: try GGUFKeys(path: try #require(model)).vocabulary())
  }

  init() throws {
    tokenizer = try Self.loaded.get()
  }

  @Test("ids and texts equal those of the checkpoint's own tokenizer")
  func golden() throws {
    let golden = try Fixture.golden("smollm2")
    for (index, text) in try Fixture.strings().enumerated() {
      #expect(tokenizer.encode(text) == golden.ids[index], "\(text.debugDescription)")
      let plain = golden.plain["\(index)"] ?? golden.ids[index]
      #expect(tokenizer.encode(text, parseSpecial: false) == plain, "\(text.debugDescription)")
      let decoded = tokenizer.decode(golden.ids[index])
      let expected = golden.decoded["\(index)"] ?? text
      #expect(decoded.unicodeScalars.elementsEqual(expected.unicodeScalars))
    }
  }

  @Test("special tokens come from the file's keys")
  func special() throws {
    #expect(tokenizer.vocabularySize == 49152)
    #expect(tokenizer.special.bos == 1)
    #expect(tokenizer.special.eos == 2)
    #expect(tokenizer.special.pad == 2)
    #expect(tokenizer.special.unknown == 0)
    #expect(tokenizer.special.stops == [2, 0])
    #expect(!tokenizer.addsBOS)
  }

  @Test("its chat template is found and renders as transformers does")
  func chat() throws {
    #expect(
      tokenizer.chatTemplateText
        == String(decoding: try Fixture.bytes("smollm2.jinja"), as: UTF8.self))
    let template = try ChatTemplate.detect(
      jinja: tokenizer.chatTemplateText, tokenizer: tokenizer)
    for chat in try Fixture.json("chat.json", as: [GoldenChat].self) where chat.kind == "chatml" {
      let spans = try template.render(chat.messages, addGenerationPrompt: chat.prompt)
      #expect(tokenizer.encode(spans: spans).map(\.id) == chat.ids, "\(chat.text)")
    }
    #expect(try template.stopIDs(in: tokenizer) == [2])
  }

  @Test("what is written gives the same ids, and keeps the chat template")
  func write() throws {
    let template = try ChatTemplate.detect(jinja: tokenizer.chatTemplateText)
    try Fixture.export(tokenizer, as: "smollm2@chatml", jinja: template.jinja)
    try Fixture.export(tokenizer, as: "smollm2")
    let back = try Fixture.withDirectory { directory in
      try tokenizer.write(to: directory)
      return try Tokenizer.load(directory: directory)
    }
    #expect(back.chatTemplateText == tokenizer.chatTemplateText)
    #expect(back.special == tokenizer.special)
    for text in try Fixture.strings() {
      #expect(back.encode(text) == tokenizer.encode(text), "\(text.debugDescription)")
    }
  }

  @Test("every row of a real data set gives the same ids", .enabled(if: data != nil))
  func alpaca() throws {
    struct Row: Decodable {
      var instruction: String
      var input: String
      var output: String
    }
    let file = URL(fileURLWithPath: try #require(data)).appendingPathComponent(
      "chat/alpaca_en_demo.json")
    let rows = try JSONDecoder().decode([Row].self, from: try Data(contentsOf: file))
    let hashes = try Fixture.json("alpaca-hashes.json", as: [String].self)
    #expect(rows.count == 999)
    #expect(rows.count == hashes.count)
    for (row, hash) in zip(rows, hashes) {
      let ids = tokenizer.encode("\(row.instruction)\n\(row.input)\n\(row.output)")
      #expect(Self.hash(ids) == hash, "\(row.instruction)")
    }
  }

  /// FNV-1a, 64 bits, of the ids as little-endian 32-bit numbers.
  private static func hash(_ ids: [Int32]) -> String {
    var value: UInt64 = 0xcbf2_9ce4_8422_2325
    for id in ids {
      for shift in [0, 8, 16, 24] {
        value = (value ^ UInt64(id >> Int32(shift) & 0xFF)) &* 0x100_0000_01b3
      }
    }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

@Suite("Llama 2's SentencePiece model", .enabled(if: data != nil))
struct SentencePieceTests {
  struct Golden: Decodable {
    var texts: [String]
    var ids: [[Int32]]
  }

  @Test("ids equal those of SentencePiece")
  func golden() throws {
    let file = URL(fileURLWithPath: try #require(data)).appendingPathComponent(
      "tokenizers/llama2-tokenizer.model")
    let tokenizer = try Tokenizer(sentencePiece: [UInt8](try Data(contentsOf: file)))
    #expect(tokenizer.vocabularySize == 32000)
    #expect(tokenizer.special.bos == 1)
    #expect(tokenizer.special.eos == 2)
    #expect(tokenizer.addsBOS)
    let golden = try Fixture.json("golden-sentencepiece.json", as: Golden.self)
    for (text, ids) in zip(golden.texts, golden.ids) {
      #expect(tokenizer.encode(text, parseSpecial: false) == ids, "\(text.debugDescription)")
    }
    let back = try Fixture.withDirectory { directory in
      try tokenizer.write(to: directory)
      return try Tokenizer.load(directory: directory)
    }
    for (text, ids) in zip(golden.texts, golden.ids) {
      #expect(back.encode(text, parseSpecial: false) == ids, "\(text.debugDescription)")
    }
  }
}
