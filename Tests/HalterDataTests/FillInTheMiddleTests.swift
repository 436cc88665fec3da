import Foundation
import HalterData
import HalterTokenizers
import Testing

@Suite struct FillInTheMiddleTests {
  private static let codeLlama = ["▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"]
  private static let qwen = ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]
  private static let starCoder = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"]

  private func encoding(
    _ tokenizer: Tokenizer, rate: Double = 1, spm: Double = 0, seed: UInt64 = 7,
    length: LengthPolicy = LengthPolicy()
  ) throws -> Encoding {
    Encoding(
      ExampleEncoder(
        pretraining: tokenizer, length: length,
        fillInTheMiddle: try FillInTheMiddle(
          tokenizer, name: "tiny", rate: rate, spm: spm, seed: seed)), tokenizer)
  }

  private func row(_ text: String) -> String { #"{"text": "\#(text)"}"# }

  /// The parts of a rewritten text that was marked as a row.
  private func parts(
    _ text: String, _ names: [String]
  ) -> (first: String, second: String, third: String)? {
    let plain = text.filter { !"«»".contains($0) }
    let pieces = plain.components(separatedBy: names[0]).last?
      .components(separatedBy: names[1]).flatMap { $0.components(separatedBy: names[2]) }
    guard let pieces, pieces.count == 3 else { return nil }
    return (pieces[0], pieces[1], pieces[2])
  }

  // MARK: - Orders

  @Test(arguments: [FillInTheMiddleTests.qwen, FillInTheMiddleTests.starCoder])
  func prefixSuffixMiddle(names: [String]) throws {
    let tokenizer = try TinyTokenizer.make(specials: ["<s>", "</s>"] + names)
    let text = "the quick brown fox"
    let written = try encoding(tokenizer).rows(row(text))[0]
    let found = try #require(parts(written, names))
    #expect(found.third.hasSuffix("</s>"))
    #expect(found.first + found.third.dropLast(4) + found.second == text)
    #expect(written.hasPrefix(names[0]))
    // All of it is learnt but the first token.
    #expect(written.hasPrefix(names[0] + "«"))
    #expect(written.hasSuffix("</s>»"))
  }

  @Test func suffixPrefixMiddle() throws {
    let tokenizer = try TinyTokenizer.make(specials: ["<s>", "</s>"] + Self.qwen)
    let text = "the quick brown fox"
    let written = try encoding(tokenizer, spm: 1).rows(row(text))[0]
    let plain = written.filter { !"«»".contains($0) }
    #expect(plain.hasPrefix(Self.qwen[0] + Self.qwen[1]))
    let found = try #require(parts(written, Self.qwen))
    #expect(found.first.isEmpty)
    #expect(found.third.dropLast(4) + found.second == text)
  }

  @Test func codeLlamaMarksNoStartInTheMiddle() throws {
    let tokenizer = try TinyTokenizer.makeSentencePiece(more: Self.codeLlama, addsBOS: true)
    #expect(tokenizer.marksTextStart)
    for (spm, seed) in [(0.0, 1), (0, 2), (0, 3), (1, 4), (1, 5), (1, 6)] as [(Double, UInt64)] {
      let encoding = try encoding(tokenizer, spm: spm, seed: seed)
      let tokens = try encoding.encode(row("Hello world")).rows[0].tokens
      let ids = try Self.codeLlama.map { try #require(tokenizer.id(of: $0)) }
      #expect(tokens.first == tokenizer.special.bos)
      #expect(tokens[1] == ids[0])
      #expect(tokens.last == ids[3])
      let suffix = try #require(tokens.firstIndex(of: ids[1]))
      let middle = try #require(tokens.firstIndex(of: ids[2]))
      func text(_ range: Range<Int>) -> String {
        String(decoding: tokens[range].flatMap { tokenizer.bytes(of: $0) }, as: UTF8.self)
      }
      let first = text(2..<suffix)
      let second = text(suffix + 1..<middle)
      let third = text(middle + 1..<tokens.count - 1)
      // One space stands before the text, none before the parts that continue it.
      if spm == 0 {
        #expect(first + third + second == (first.isEmpty ? "" : " ") + "Hello world")
      } else {
        #expect(first.isEmpty)
        #expect(third + second == (third.isEmpty ? "" : " ") + "Hello world")
      }
    }
  }

  @Test func continuationsDecodeToTheirText() throws {
    let marking = try TinyTokenizer.makeSentencePiece()
    let plain = try TinyTokenizer.make()
    for text in ["", "x", " x", "H", "Hé\n", "☺☺"] {
      for tokenizer in [marking, plain] {
        let bytes = tokenizer.encode(continuing: text).flatMap { tokenizer.bytes(of: $0) }
        #expect(bytes == Array(text.utf8), "\(text)")
      }
    }
    #expect(!plain.marksTextStart)
  }

  // MARK: - Which texts

  @Test func sharesAreThoseAskedFor() throws {
    let tokenizer = try TinyTokenizer.make(specials: ["<s>", "</s>"] + Self.qwen)
    let rows = (0..<2000).map { row("text number \($0)") }
    let file = try ScratchFile(rows.joined(separator: "\n"))
    let data = try Dataset(
      reading: [file.source()], encoder: encoding(tokenizer, rate: 0.7, spm: 0.25).encoder)
    let prefix = try #require(tokenizer.id(of: Self.qwen[0]))
    let suffix = try #require(tokenizer.id(of: Self.qwen[1]))
    let rewritten = try data.all().filter { $0.tokens[0] == prefix }
    #expect(abs(Double(rewritten.count) / 2000 - 0.7) < 0.04)
    // A prefix that is empty looks like the other order; it is one in sixteen or so.
    let suffixFirst = rewritten.filter { $0.tokens[1] == suffix }
    #expect(abs(Double(suffixFirst.count) / Double(rewritten.count) - 0.25) < 0.12)
    #expect(data.statistics.filledIn == rewritten.count)
    #expect(
      data.statistics.notes == [
        "rewritten for filling in the middle: \(rewritten.count) of 2000 texts"
      ])
  }

  @Test func cutsAreUniformOverAllPlaces() throws {
    let tokenizer = try TinyTokenizer.make(specials: ["<s>", "</s>"] + Self.qwen)
    var seen: [String: Int] = [:]
    for seed in 0..<2000 as Range<UInt64> {
      let written = try encoding(tokenizer, seed: seed).rows(row("abc"))[0]
      let found = try #require(parts(written, Self.qwen))
      seen["\(found.first)|\(found.third.dropLast(4))|\(found.second)", default: 0] += 1
    }
    // Two places of four: equal ones once each of sixteen, different ones twice.
    #expect(seen.count == 10)
    for (parts, count) in seen {
      let expected = parts.contains("||") ? 125.0 : 250
      #expect(abs(Double(count) - expected) < 60, "\(parts): \(count)")
    }
  }

  @Test func seedAndTextDecideAlone() throws {
    let tokenizer = try TinyTokenizer.make(specials: ["<s>", "</s>"] + Self.qwen)
    let one = try encoding(tokenizer, spm: 0.5)
    let text = row("the quick brown fox jumps")
    #expect(try one.rows(text) == encoding(tokenizer, spm: 0.5).rows(text))
    #expect(try one.rows("\n\n" + text) == one.rows(text))
    #expect(try one.rows(text) != encoding(tokenizer, spm: 0.5, seed: 8).rows(text))
    #expect(try encoding(tokenizer, rate: 0).rows(row("the")) == ["t«he</s>»"])
  }

  @Test func charactersAreNotTornApart() throws {
    let tokenizer = try TinyTokenizer.make(specials: ["<s>", "</s>"] + Self.qwen)
    for seed in 0..<50 as Range<UInt64> {
      let written = try encoding(tokenizer, seed: seed).rows(row("é日本😀"))[0]
      #expect(!written.contains("\u{FFFD}"))
    }
  }

  // MARK: - Limits

  @Test func aTextThatWouldNotFitStaysAsItIs() throws {
    let tokenizer = try TinyTokenizer.make(specials: ["<s>", "</s>"] + Self.qwen)
    let split = LengthPolicy(maxLength: 8, onOverflow: .split)
    // Four tokens with the end: seven rewritten.
    #expect(try encoding(tokenizer, length: split).encode(row("abc")).isFilledIn)
    // Six with the end: nine rewritten.
    let near = try encoding(tokenizer, length: split).encode(row("abcde"))
    #expect(!near.isFilledIn)
    #expect(!near.isCut)
    #expect(near.rows.map(\.tokens.count) == [6])
    let long = try encoding(tokenizer, length: split).encode(row("abcdefghijklmn"))
    #expect(!long.isFilledIn)
    #expect(long.rows.map(\.tokens.count) == [8, 8])
  }

  @Test func aTokenizerWithoutTheTokensIsRefusedByName() throws {
    for specials in [["<s>", "</s>"], ["</s>"] + Self.qwen.dropLast(), Self.codeLlama.dropLast()] {
      let tokenizer = try TinyTokenizer.make(specials: Array(specials))
      let found = complaint {
        try FillInTheMiddle(tokenizer, name: "models/tiny", rate: 0.5, spm: 0.5, seed: 1)
      }
      #expect(
        found.hasPrefix(
          "the tokenizer of models/tiny has no tokens for filling in the middle, looked for"
            + " ▁<PRE> ▁<SUF> ▁<MID>, <fim_prefix>"), "\(found)")
    }
  }
}
