import Foundation
import HalterTokenizers
import Testing

@Suite("Broken and hostile files")
struct HostileFileTests {
  /// A tokenizer of three tokens with one part replaced.
  static func small(
    vocab: String = #"{"a": 0, "b": 1, "ab": 2}"#, merges: String = #"["a b"]"#,
    model: String = "", rest: String = ""
  ) -> [UInt8] {
    Array(
      #"{"model": {"type": "BPE", "vocab": \#(vocab), "merges": \#(merges)\#(model)}\#(rest)}"#.utf8
    )
  }

  private func error(_ json: [UInt8]) throws -> TokenizerError {
    try #require(throws: TokenizerError.self) { try Tokenizer(tokenizerJSON: json) }
  }

  @Test("the small tokenizer itself is fine, in both spellings of merges")
  func control() throws {
    for merges in [#"["a b"]"#, #"[["a", "b"]]"#] {
      let tokenizer = try Tokenizer(tokenizerJSON: Self.small(merges: merges))
      #expect(tokenizer.encode("abba") == [2, 1, 0])
      #expect(tokenizer.vocabularySize == 3)
    }
  }

  @Test("a file that was cut off is refused wherever the cut is")
  func truncation() throws {
    let bytes = Self.small(rest: #", "added_tokens": [{"id": 3, "content": "\u00e9"}]"#)
    _ = try Tokenizer(tokenizerJSON: bytes)
    for count in 0..<bytes.count {
      #expect(throws: TokenizerError.self, "cut after \(count)") {
        try Tokenizer(tokenizerJSON: Array(bytes[..<count]))
      }
    }
  }

  @Test("a real file with any one byte changed gives a tokenizer or an error")
  func mutation() throws {
    let bytes = try Fixture.tokenizerJSON("qwen2")
    var state: UInt64 = 7
    for _ in 0..<150 {
      var changed = bytes
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        changed[Int(state >> 33) % changed.count] = UInt8(truncatingIfNeeded: state >> 20)
      }
      if let tokenizer = try? Tokenizer(tokenizerJSON: changed) {
        _ = tokenizer.decode(tokenizer.encode("The 12 recipes' e\u{301} 日本"))
      }
    }
  }

  @Test(
    "wrong types and missing parts are refused",
    arguments: [
      "", " ", "null", "[]", "3", "{}", #"{"model": null}"#, #"{"model": 3}"#, #"{"model": {}}"#,
      #"{"model": {"vocab": []}}"#, #"{"model": {"vocab": {}, "merges": {}}}"#,
      #"{"model": {"vocab": {}, "merges": [3]}}"#, #"{"model": {"vocab": {}}} x"#,
      #"{"model": {"vocab": {"a": "0"}, "merges": []}}"#, #"{"a": tru}"#, #"{"a": "\q"}"#,
      #"{"a": "\ud800"}"#, #"{"a": "\u12"}"#, "{\"a\": \"\n\"}", #"{"a" 1}"#, #"{"a": -}"#,
      #"{,}"#, "[1,]", #"{"a": 1,}"#,
    ])
  func wrongTypes(json: String) throws {
    #expect(try error(Array(json.utf8)).kind == .malformed)
  }

  @Test("bytes that are not UTF-8 are refused")
  func notUTF8() throws {
    #expect(try error(Self.small() + [0xFF]).kind == .malformed)
  }

  @Test(
    "ids that are negative, huge, fractional or used twice are refused",
    arguments: ["-1", "4194304", "9999999999999999999999", "1.5", "1e3", "0"])
  func badIDs(id: String) throws {
    let json = Self.small(vocab: #"{"a": 0, "b": \#(id), "ab": 2}"#)
    #expect(try error(json).place.contains("vocab"))
  }

  @Test("a token that occurs twice is refused")
  func duplicateToken() throws {
    #expect(
      try error(Self.small(vocab: #"{"a": 0, "b": 1, "ab": 2, "a": 3}"#)).what.contains("twice"))
  }

  @Test("gaps between ids are allowed and stay empty")
  func gaps() throws {
    let tokenizer = try Tokenizer(tokenizerJSON: Self.small(vocab: #"{"a": 0, "b": 10, "ab": 20}"#))
    #expect(tokenizer.vocabularySize == 21)
    #expect(tokenizer.encode("ab") == [20])
    #expect(tokenizer.token(5) == nil)
    #expect(tokenizer.decode([5]) == "")
  }

  @Test("a merge of unknown tokens names its place", arguments: ["a c", "c a", "b a"])
  func unknownMerge(merge: String) throws {
    let found = try error(Self.small(merges: #"["a b", "\#(merge)"]"#))
    #expect(found.place.hasSuffix("$.model.merges[1]"))
    #expect(found.what.contains("vocabulary lacks"))
  }

  @Test("a merge that is not two tokens is refused", arguments: ["ab", "a  b", "a b c", ""])
  func oddMerge(merge: String) throws {
    #expect(try error(Self.small(merges: #"["\#(merge)"]"#)).kind == .malformed)
  }

  @Test(
    "unsupported parts are named",
    arguments: [
      (#", "pre_tokenizer": {"type": "Whitespace"}"#, "Whitespace"),
      (#", "normalizer": {"type": "Lowercase"}"#, "Lowercase"),
      (#", "decoder": {"type": "WordPiece"}"#, "WordPiece"),
      (#", "post_processor": {"type": "BertProcessing"}"#, "BertProcessing"),
      (
        #", "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "x+"}, "behavior": "Isolated"}"#,
        "x+"
      ),
    ])
  func unsupported(rest: String, name: String) throws {
    let found = try error(Self.small(rest: rest))
    #expect(found.kind == .unsupported)
    #expect(found.description.contains(name))
  }

  @Test(
    "other models and BPE options are refused",
    arguments: [
      #"{"model": {"type": "Unigram", "vocab": []}}"#,
      #"{"model": {"type": "BPE", "vocab": {}, "merges": [], "dropout": 0.1}}"#,
      #"{"model": {"type": "BPE", "vocab": {}, "merges": [], "end_of_word_suffix": "</w>"}}"#,
    ])
  func unsupportedModels(json: String) throws {
    #expect(try error(Array(json.utf8)).kind == .unsupported)
  }

  @Test(
    "an added token that contradicts the vocabulary is refused",
    arguments: [
      #"{"id": 1, "content": "a"}"#, #"{"id": 1, "content": "new"}"#,
      #"{"id": -1, "content": "new"}"#,
      #"{"id": 3, "content": ""}"#, #"{"content": "new"}"#, #"{"id": 3}"#,
    ])
  func badAddedToken(entry: String) throws {
    let found = try error(Self.small(rest: #", "added_tokens": [\#(entry)]"#))
    #expect(found.place.contains("added_tokens[0]"))
  }

  @Test("deep nesting is refused, not followed")
  func deepNesting() throws {
    let deep = String(repeating: "[", count: 100_000)
    #expect(try error(Array(deep.utf8)).what.contains("deep"))
  }

  @Test("a missing directory is named")
  func missingFile() throws {
    let error = try #require(throws: TokenizerError.self) {
      try Tokenizer.load(directory: URL(fileURLWithPath: "/nonexistent/model"))
    }
    #expect(error.kind == .missingFile)
    #expect(error.description.contains("/nonexistent/model/tokenizer.json"))
  }

  @Test("a broken SentencePiece model is refused wherever it is cut")
  func brokenSentencePiece() {
    #expect(throws: TokenizerError.self) { try Tokenizer(sentencePiece: [0xFF, 0xFF, 0xFF]) }
    #expect(throws: TokenizerError.self) { try Tokenizer(sentencePiece: [0x0A, 0x7F, 0x01]) }
    #expect(throws: TokenizerError.self) { try Tokenizer(sentencePiece: []) }
    #expect(throws: TokenizerError.self) {
      try Tokenizer(sentencePiece: [UInt8](repeating: 0x80, count: 40))
    }
  }
}
