import HalterTokenizers
import Testing

@Suite("Decoding as a stream")
struct StreamDecoderTests {
  @Test("the pieces join to the decoded text", arguments: ["gpt2", "llama3", "llama2", "tiny"])
  func joins(name: String) throws {
    let tokenizer = try Fixture.tokenizer(name)
    for text in try Fixture.strings() {
      let ids = tokenizer.encode(text)
      var stream = StreamDecoder(tokenizer)
      var out = ids.map { stream.append($0) }.joined()
      out += stream.finish()
      #expect(
        out.unicodeScalars.elementsEqual(tokenizer.decode(ids).unicodeScalars),
        "\(text.debugDescription)")
    }
  }

  @Test("a character appears when its last byte does, not before")
  func wholeCharacters() throws {
    let tokenizer = try Fixture.tokenizer("tiny")
    let ids = tokenizer.encode("😀")
    #expect(ids.count == 4)
    var stream = StreamDecoder(tokenizer)
    #expect(ids.map { stream.append($0) } == ["", "", "", "😀"])
    #expect(stream.finish() == "")
  }

  @Test("an unfinished character ends as U+FFFD")
  func unfinished() throws {
    let tokenizer = try Fixture.tokenizer("tiny")
    var stream = StreamDecoder(tokenizer)
    for id in tokenizer.encode("😀").dropLast() { #expect(stream.append(id) == "") }
    #expect(stream.finish() == "\u{FFFD}")
    #expect(stream.finish() == "")
  }

  @Test("control tokens are left out unless they are asked for")
  func control() throws {
    let tokenizer = try Fixture.tokenizer("tiny")
    let end = try #require(tokenizer.id(of: "<|im_end|>"))
    var quiet = StreamDecoder(tokenizer)
    #expect(quiet.append(end) == "")
    var loud = StreamDecoder(tokenizer, skipSpecial: false)
    #expect(loud.append(end) == "<|im_end|>")
  }

  @Test("ids without a token add nothing", arguments: [-1, 512, Int32.max, Int32.min])
  func unknownIDs(id: Int32) throws {
    let tokenizer = try Fixture.tokenizer("tiny")
    var stream = StreamDecoder(tokenizer)
    #expect(stream.append(id) == "")
    #expect(tokenizer.bytes(of: id) == [])
    #expect(tokenizer.decode([id]) == "")
    #expect(tokenizer.token(id) == nil)
  }
}
