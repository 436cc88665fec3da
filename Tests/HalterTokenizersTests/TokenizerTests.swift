import Foundation
import HalterTokenizers
import Testing

@Suite("Tokenizers")
struct TokenizerTests {
  @Test("a long word takes time that does not grow with its square")
  func longWord() throws {
    let tokenizer = try Fixture.tokenizer("gpt2")
    let word = String(repeating: "theandof", count: 25_000)
    var ids: [Int32] = []
    let time = ContinuousClock().measure { ids = tokenizer.encode(word) }
    #expect(tokenizer.decode(ids) == word)
    #expect(time < .seconds(30))
  }

  @Test("long words, merged with a heap, equal what merging with a scan gives")
  func heapAndScan() throws {
    let tokenizer = try Fixture.tokenizer("gpt2")
    // Forty bytes are scanned. A digit ends a word, so the same letters in one word of eighty
    // bytes must begin with the tokens of a word of forty, but for what joins at the seam.
    let word = String(repeating: "theirandon", count: 4)
    let short = tokenizer.encode(word)
    let long = tokenizer.encode(word + word)
    #expect(long.prefix(short.count - 2) == short.prefix(short.count - 2))
    #expect(tokenizer.decode(long) == word + word)
  }

  @Test(
    "ids do not depend on what was encoded before or is encoded at the same time",
    arguments: ["gpt2", "llama2", "unknown-single"])
  func cachedWords(name: String) async throws {
    // So many words that they take each other's place, of every length around the limits.
    var state: UInt64 = 1
    func letter() -> Character {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return ["a", "e", "t", "h", "i", "n", "\u{E9}", "_"][Int(state >> 61)]
    }
    let texts =
      try Fixture.strings()
      + (0..<40).map { length in
        (0..<300).map { _ in String((0..<length).map { _ in letter() }) }.joined(separator: " ")
      }
    let fresh = try texts.map { try Fixture.tokenizer(name).encode($0) }
    let tokenizer = try Fixture.tokenizer(name)
    for _ in 0..<2 { #expect(texts.map { tokenizer.encode($0) } == fresh) }
    let found = await withTaskGroup(of: [[Int32]].self) { group in
      for _ in 0..<4 { group.addTask { texts.map { tokenizer.encode($0) } } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(found.allSatisfy { $0 == fresh })
  }

  /// A pattern before a vocabulary without characters: one token for each piece.
  private static func pieceCounter(_ pattern: String) throws -> Tokenizer {
    let escaped = pattern.replacing(#"\"#, with: #"\\"#)
    let json = """
      {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\(escaped)"},
        "behavior": "Isolated", "invert": false},
       "model": {"type": "BPE", "vocab": {"<unk>": 0}, "merges": [], "unk_token": "<unk>",
        "fuse_unk": true}}
      """
    return try Tokenizer(tokenizerJSON: Array(json.utf8))
  }

  private static let gpt2 =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  @Test("every character of Unicode is what the reference takes it for")
  func scalarClasses() throws {
    let ranges = try Fixture.json("scalars.json", as: [String: [[UInt32]]].self)
    var classOf = [Int](repeating: 0, count: 0x110000)
    for (index, name) in ["letter", "number", "space"].enumerated() {
      for range in try #require(ranges[name]) {
        for value in range[0]...range[1] { classOf[Int(value)] = index + 1 }
      }
    }
    var texts = [String.UnicodeScalarView](repeating: .init(), count: 4)
    for value in UInt32(0)..<0x110000 {
      if let scalar = Unicode.Scalar(value) { texts[classOf[Int(value)]].append(scalar) }
    }
    let counter = try Self.pieceCounter(Self.gpt2)
    for text in texts {
      #expect(text.count > 20)
      // One class is one piece; a single stranger would cut it in three.
      #expect(counter.encode(String(text)).count == 1)
    }
  }

  @Test(
    "pieces of the GPT-2 pattern",
    arguments: [
      ("hello world", 2), ("it's", 2), ("it'S", 3), ("a  b", 3), ("a   ", 2), (" 12ab!?", 3),
      ("\r\n\r\n", 1), ("a\n b", 3), ("'''", 1), (" 's", 2),
    ])
  func gpt2Pieces(text: String, count: Int) throws {
    #expect(try Self.pieceCounter(Self.gpt2).encode(text).count == count)
  }

  private static let llama3 =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"#
    + #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  @Test(
    "pieces of the Llama 3 pattern",
    arguments: [
      ("'Save", 2), ("'\u{17F}ave", 2), ("'SAVE'REd", 4), ("a \n\n b", 3), ("!!\n\n\nx", 2),
      ("\t\tx", 2), ("  'tx", 3), ("12345 6", 4), ("x\u{A0}\u{A0}y", 3),
    ])
  func llama3Pieces(text: String, count: Int) throws {
    #expect(try Self.pieceCounter(Self.llama3).encode(text).count == count)
  }

  @Test("numbers alone and in threes", arguments: [("12345", 5, 2), ("a12b", 4, 3), ("", 0, 0)])
  func numbers(text: String, single: Int, triple: Int) throws {
    #expect(try Self.pieceCounter(#"\p{N}"#).encode(text).count == single)
    #expect(try Self.pieceCounter(#"\p{N}{1,3}"#).encode(text).count == triple)
  }

  @Test("special tokens and limits come from tokenizer_config.json")
  func config() throws {
    let config = """
      {"bos_token": {"content": "<|im_start|>", "lstrip": false}, "eos_token": "<|im_end|>",
       "pad_token": null, "unk_token": "not there", "model_max_length": 2048,
       "chat_template": [{"name": "tools", "template": "T"}, {"name": "default", "template": "D"}]}
      """
    let tokenizer = try Tokenizer(
      tokenizerJSON: try Fixture.tokenizerJSON("gpt2"), configJSON: Array(config.utf8))
    #expect(tokenizer.special.bos == tokenizer.id(of: "<|im_start|>"))
    #expect(tokenizer.special.eos == tokenizer.id(of: "<|im_end|>"))
    #expect(tokenizer.special.pad == nil)
    #expect(tokenizer.special.unknown == nil)
    let other = try #require(tokenizer.id(of: "<|endoftext|>"))
    #expect(tokenizer.special.additionalStops == [other])
    #expect(tokenizer.maximumLength == 2048)
    #expect(tokenizer.chatTemplateText == "D")
  }

  @Test("a broken tokenizer_config.json is named")
  func brokenConfig() throws {
    let json = try Fixture.tokenizerJSON("gpt2")
    let error = try #require(throws: TokenizerError.self) {
      try Tokenizer(tokenizerJSON: json, configJSON: Array(#"{"bos_token": 3}"#.utf8))
    }
    #expect(error.description.contains("tokenizer_config.json: $.bos_token"))
  }

  @Test("chat_template.jinja counts before the template in the configuration")
  func jinjaFile() throws {
    try Fixture.withDirectory { directory in
      try Data(try Fixture.tokenizerJSON("gpt2")).write(
        to: directory.appendingPathComponent("tokenizer.json"))
      try Data(#"{"chat_template": "old"}"#.utf8).write(
        to: directory.appendingPathComponent("tokenizer_config.json"))
      #expect(try Tokenizer.load(directory: directory).chatTemplateText == "old")
      try Data("new".utf8).write(to: directory.appendingPathComponent("chat_template.jinja"))
      #expect(try Tokenizer.load(directory: directory).chatTemplateText == "new")
    }
  }

  @Test("a tokenizer.json is written as it was, byte by byte")
  func writesOriginal() throws {
    let json = try Fixture.tokenizerJSON("gpt2")
    let tokenizer = try Tokenizer(tokenizerJSON: json)
    let jinja = "a\n\"b\" \\ \u{1}"
    try Fixture.withDirectory { directory in
      try tokenizer.write(to: directory, chatTemplate: jinja)
      let written = try Data(contentsOf: directory.appendingPathComponent("tokenizer.json"))
      #expect([UInt8](written) == json)
      #expect(try Tokenizer.load(directory: directory).chatTemplateText == jinja)
    }
  }

  @Test("a directory that cannot be written to is an error")
  func cannotWrite() throws {
    let tokenizer = try Fixture.tokenizer("gpt2")
    let error = try #require(throws: TokenizerError.self) {
      try tokenizer.write(to: URL(fileURLWithPath: "/nonexistent"))
    }
    #expect(error.kind == .cannotWrite)
    #expect(error.place == "/nonexistent/tokenizer.json")
  }

  @Test("the tiny tokenizer has 512 tokens, every byte among them, and a chat template")
  func tiny() throws {
    let tokenizer = try Tokenizer.load(directory: Fixture.tiny)
    #expect(tokenizer.vocabularySize == 512)
    #expect(tokenizer.special.eos == tokenizer.id(of: "<|im_end|>"))
    let bytes = Set((Int32(0)..<512).map { tokenizer.bytes(of: $0) })
    for byte in UInt8.min...UInt8.max { #expect(bytes.contains([byte])) }
    let template = try ChatTemplate.detect(
      jinja: tokenizer.chatTemplateText, tokenizer: tokenizer)
    #expect(template == ChatTemplate(.chatml))
    #expect(try template.stopIDs(in: tokenizer) == [2])
  }

  @Test("bytes of a token, also of those in the byte alphabet and of byte tokens")
  func tokenBytes() throws {
    let gpt2 = try Fixture.tokenizer("gpt2")
    #expect(gpt2.bytes(of: try #require(gpt2.id(of: "Ġthe"))) == Array(" the".utf8))
    #expect(gpt2.bytes(of: try #require(gpt2.id(of: "<|im_end|>"))) == [])
    #expect(gpt2.bytes(of: try #require(gpt2.id(of: "word"))) == Array("word".utf8))
    let llama2 = try Fixture.tokenizer("llama2")
    #expect(llama2.bytes(of: try #require(llama2.id(of: "<0x0A>"))) == [10])
    #expect(llama2.bytes(of: try #require(llama2.id(of: "▁the"))) == Array(" the".utf8))
  }

  @Test("control tokens are shown on request")
  func decodeSpecial() throws {
    let tokenizer = try Fixture.tokenizer("gpt2")
    let ids = tokenizer.encode("a<|im_end|>b")
    #expect(tokenizer.decode(ids) == "ab")
    #expect(tokenizer.decode(ids, skipSpecial: false) == "a<|im_end|>b")
  }
}
