import HalterData
import HalterTokenizers
import Testing

/// Rows of text through an encoder, with their trained stretches in «…».
struct Encoding {
  let tokenizer: Tokenizer
  let encoder: ExampleEncoder

  /// Fine-tuning with the tiny tokenizer.
  init(
    _ template: String = "chatml", trainOn: TrainOn = .assistant,
    length: LengthPolicy = LengthPolicy(), bos: String = "<s>", eos: String = "</s>",
    addsBOS: Bool = false
  ) throws {
    tokenizer = try TinyTokenizer.make(bos: bos, eos: eos, addsBOS: addsBOS)
    encoder = ExampleEncoder(
      renderer: PromptRenderer(
        tokenizer: tokenizer, template: try ChatTemplate.named(template, tokenizer: tokenizer),
        trainOn: trainOn), length: length)
  }

  init(_ encoder: ExampleEncoder, _ tokenizer: Tokenizer) {
    self.encoder = encoder
    self.tokenizer = tokenizer
  }

  /// What becomes of the one row of a text.
  func encode(_ row: String, layout: String? = nil) throws -> EncodedExample {
    let file = try ScratchFile(row)
    let read = try examples(file.source(layout: layout))
    #expect(read.count == 1)
    return try encoder.encode(try #require(read.first))
  }

  /// The rows that the one row of a text becomes.
  func rows(_ row: String, layout: String? = nil, split: Bool = false) throws -> [String] {
    try encode(row, layout: layout).rows.map {
      TinyTokenizer.marked($0, tokenizer, split: split)
    }
  }

  /// The one row that a conversation becomes.
  func marked(_ conversation: Conversation, split: Bool = false) throws -> String {
    let rows = try encoder.encode(.conversation(conversation)).rows
    return TinyTokenizer.marked(try #require(rows.first), tokenizer, split: split)
  }

  /// A set of rows.
  func dataset(_ rows: String...) throws -> Dataset {
    let file = try ScratchFile(rows.joined(separator: "\n"))
    return try Dataset(reading: [file.source()], encoder: encoder)
  }
}
