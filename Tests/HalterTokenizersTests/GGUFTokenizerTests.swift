import Foundation
import HalterTokenizers
import Testing

@Suite("Tokenizers from GGUF keys")
struct GGUFTokenizerTests {
  /// The keys that a GGUF file of the fixture `name` would have.
  static func vocabulary(_ name: String, pre: String) throws -> GGUFVocabulary {
    let tokenizer = try Fixture.tokenizer(name)
    let file =
      name == "tiny"
      ? [UInt8](try Data(contentsOf: Fixture.tiny.appendingPathComponent("tokenizer.json")))
      : try Fixture.tokenizerJSON(name)
    let root = try JSONSerialization.jsonObject(with: Data(file)) as? [String: Any]
    let model = try #require(root?["model"] as? [String: Any])
    let merges = try #require(model["merges"] as? [Any])
    var out = GGUFVocabulary(
      model: "gpt2", pre: pre,
      tokens: (0..<Int32(tokenizer.vocabularySize)).map { tokenizer.token($0) ?? "" })
    out.merges = merges.map { ($0 as? [String])?.joined(separator: " ") ?? "\($0)" }
    out.types = out.tokens.indices.map { tokenizer.isSpecial(Int32($0)) ? 3 : 1 }
    return out
  }

  @Test(
    "ids equal those of the same vocabulary in a tokenizer.json",
    arguments: [("llama3", "llama-bpe"), ("tiny", "smollm")])
  func golden(name: String, pre: String) throws {
    let tokenizer = try Tokenizer(gguf: try Self.vocabulary(name, pre: pre))
    let golden = try Fixture.golden(name)
    for (text, ids) in zip(try Fixture.strings(), golden.ids) {
      #expect(tokenizer.encode(text) == ids, "\(text.debugDescription)")
    }
    try Fixture.export(tokenizer, as: "\(name)@from-gguf")
  }

  @Test(
    "what is written is read back to the same ids",
    arguments: ["smollm", "gpt-2", "llama-bpe", "qwen2", "default"])
  func writeAndRead(pre: String) throws {
    var keys = try Self.vocabulary("tiny", pre: pre)
    (keys.bos, keys.eos, keys.addBOS, keys.chatTemplate) = (1, 2, true, "{{ x }}")
    let tokenizer = try Tokenizer(gguf: keys)
    let back = try Fixture.withDirectory { directory in
      try tokenizer.write(to: directory)
      return try Tokenizer.load(directory: directory)
    }
    #expect(back.special == tokenizer.special)
    #expect(back.chatTemplateText == "{{ x }}")
    #expect(back.addsBOS)
    for text in try Fixture.strings() {
      #expect(back.encode(text, addSpecial: true) == tokenizer.encode(text, addSpecial: true))
    }
  }

  @Test("BOS is added as the keys say, else as the kind of tokenizer does")
  func addBOS() throws {
    for (pre, key, expected) in [
      ("llama-bpe", nil, true), ("llama-bpe", false, false), ("smollm", nil, false),
      ("smollm", true, true),
    ] as [(String, Bool?, Bool)] {
      var keys = try Self.vocabulary("tiny", pre: pre)
      (keys.bos, keys.addBOS) = (1, key)
      let tokenizer = try Tokenizer(gguf: keys)
      #expect(tokenizer.addsBOS == expected)
      #expect(tokenizer.encode("", addSpecial: true) == (expected ? [1] : []))
    }
  }

  @Test("user-defined tokens are found in text but are not control tokens")
  func userDefined() throws {
    var keys = try Self.vocabulary("tiny", pre: "smollm")
    keys.tokens.append("<tool>")
    keys.types.append(4)
    let tokenizer = try Tokenizer(gguf: keys)
    #expect(tokenizer.encode("<tool>", parseSpecial: false) == [512])
    #expect(!tokenizer.isSpecial(512))
    #expect(tokenizer.decode([512]) == "<tool>")
  }

  @Test("ids that end turns are stops")
  func stops() throws {
    var keys = try Self.vocabulary("tiny", pre: "smollm")
    (keys.eos, keys.turnEnds) = (2, [7])
    #expect(try Tokenizer(gguf: keys).special.stops == [2, 0, 7])
  }

  /// A SentencePiece vocabulary: unknown, control, bytes, then pieces by falling score.
  static func pieces() -> GGUFVocabulary {
    let pieces = ["▁", "a", "b", "ab", "▁a", "▁ab", "aba"]
    var out = GGUFVocabulary(model: "llama", tokens: ["<unk>", "<s>", "</s>"])
    out.types = [2, 3, 3]
    for byte in 0...255 {
      let digits = String(byte, radix: 16, uppercase: true)
      out.tokens.append("<0x\(byte < 16 ? "0" : "")\(digits)>")
      out.types.append(6)
    }
    out.tokens += pieces
    out.types += pieces.map { _ in 1 }
    out.scores =
      [Float](repeating: 0, count: 259) + pieces.indices.map { $0 < 3 ? -100 : -Float($0) }
    (out.bos, out.eos, out.unknown) = (1, 2, 0)
    return out
  }

  @Test("SentencePiece pieces join by score, leftmost first; the rest becomes bytes")
  func sentencePiece() throws {
    let tokenizer = try Tokenizer(gguf: Self.pieces())
    let piece = { (text: String) in tokenizer.id(of: text) ?? -1 }
    #expect(tokenizer.encode("ab") == [piece("▁ab")])
    #expect(tokenizer.encode("abab") == [piece("▁ab"), piece("ab")])
    #expect(tokenizer.encode("aba") == [piece("▁ab"), piece("a")])
    let bytes = ["▁", "<0xC3>", "<0xA9>"].map(piece)
    #expect(tokenizer.encode("é") == bytes)
    #expect(tokenizer.encode("a", addSpecial: true) == [1, piece("▁a")])
    #expect(tokenizer.decode(tokenizer.encode(" é ab")) == " é ab")
  }

  @Test("without a space prefix nothing is put before the text")
  func noSpacePrefix() throws {
    var keys = Self.pieces()
    keys.addSpacePrefix = false
    let tokenizer = try Tokenizer(gguf: keys)
    #expect(tokenizer.encode("ab") == [try #require(tokenizer.id(of: "ab"))])
    #expect(tokenizer.decode(tokenizer.encode(" ab")) == " ab")
  }

  @Test("keys that do not fit are named")
  func errors() throws {
    func place(_ change: (inout GGUFVocabulary) -> Void) throws -> String {
      var keys = try Self.vocabulary("tiny", pre: "smollm")
      change(&keys)
      return try #require(throws: TokenizerError.self) { try Tokenizer(gguf: keys) }.place
    }
    #expect(try place { $0.model = "bert" } == "tokenizer.ggml.model")
    #expect(try place { $0.pre = "tekken" } == "tokenizer.ggml.pre")
    #expect(try place { $0.types.removeLast() } == "tokenizer.ggml.token_type")
    #expect(try place { $0.model = "llama" } == "tokenizer.ggml.scores")
    #expect(try place { $0.merges[3] = "no such" } == "tokenizer.ggml.merges[3]")
    #expect(try place { $0.merges[4] = "x" } == "tokenizer.ggml.merges[4]")
    #expect(try place { $0.eos = 512 } == "tokenizer.ggml.eos_token_id")
    #expect(try place { $0.bos = -1 } == "tokenizer.ggml.bos_token_id")
    #expect(try place { $0.tokens[9] = $0.tokens[8] } == "tokenizer.ggml.tokens")
  }
}
