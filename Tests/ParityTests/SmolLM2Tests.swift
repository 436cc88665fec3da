import Foundation
import HalterBackend
import HalterData
import HalterModels
import HalterTensor
import HalterTokenizers
import HalterTraining
import Testing

/// The real model against transformers in float32.
@Suite("SmolLM2 against transformers", .serialized, .enabled(if: RealModel.path != nil))
struct SmolLM2Tests {
  private struct TokenCase: Decodable {
    let text: String
    let ids: [Int32]
    let decoded: String
  }

  private struct ConversationCase: Decodable {
    let tokens: Int
    let hash: String
  }

  private struct GenerationCase: Decodable {
    let prompt: String
    let prompt_ids: [Int32]
    let ids: [Int32]
    let margins: [Float]
    let text: String
  }

  private struct AlpacaRow: Decodable {
    let instruction: String
    let input: String
    let output: String
  }

  /// Where the reference chose by less than this, rounding may choose otherwise.
  private static let nearTie: Float = 1e-3

  private static func cases<T: Decodable>(_ name: String, as type: T.Type) throws -> [T] {
    let data = try Data(contentsOf: Golden.url("smollm2/\(name).json"))
    return try JSONDecoder().decode([T].self, from: data)
  }

  /// The first 20 rows of the Alpaca file, rendered as one question and one answer each.
  private static func conversations() throws -> [[Int32]] {
    let url = URL(fileURLWithPath: try #require(RealModel.data))
      .appending(path: "chat/alpaca_en_demo.json")
    let rows = try JSONDecoder().decode([AlpacaRow].self, from: Data(contentsOf: url))
    let renderer = try RealModel.renderer()
    return try rows.prefix(20).enumerated().map { index, row in
      let question = row.instruction + (row.input.isEmpty ? "" : "\n\n" + row.input)
      let conversation = Conversation(
        messages: [
          Message(role: .user, content: question), Message(role: .assistant, content: row.output),
        ], location: RowLocation(file: url.lastPathComponent, line: index + 1))
      return try renderer.row(conversation).tokens
    }
  }

  @Test("ids of texts, and texts of ids")
  func tokens() throws {
    let tokenizer = try RealModel.tokenizer()
    let cases = try Self.cases("tokens", as: TokenCase.self)
    #expect(cases.count == 16)
    for one in cases {
      #expect(tokenizer.encode(one.text) == one.ids, "\(one.text.debugDescription)")
      #expect(tokenizer.decode(one.ids) == one.decoded, "\(one.text.debugDescription)")
    }
  }

  @Test("ids of 20 conversations", .enabled(if: RealModel.data != nil))
  func conversationIDs() throws {
    let expected = try Self.cases("conversations", as: ConversationCase.self)
    let rows = try Self.conversations()
    #expect(rows.map(\.count) == expected.map(\.tokens))
    #expect(rows.map(GeneratedNumbers.hash) == expected.map(\.hash))
  }

  @Test("log-probabilities of 20 conversations, to 2e-4", .enabled(if: RealModel.data != nil))
  func conversationLogprobs() throws {
    let golden = try Golden("smollm2/conversations.safetensors")
    let expected = try golden.floats("logprobs")
    let starts = try golden.integers("segments").map { Int($0) }
    let model = try RealModel.load()
    var worst: Float = 0
    for (index, row) in try Self.conversations().enumerated() {
      let logprobs = RealModel.logprobs(model, [row])
      let difference = largestDifference(
        logprobs, Array(expected[starts[index]..<starts[index + 1]]))
      #expect(difference < 2e-4, "conversation \(index)")
      worst = max(worst, difference)
    }
    print("conversations: largest difference of a log-probability \(worst)")
  }

  @Test("conversations in one flat batch, to 2e-4", .enabled(if: RealModel.data != nil))
  func packedLogprobs() throws {
    let golden = try Golden("smollm2/conversations.safetensors")
    let expected = try golden.floats("logprobs")
    let starts = try golden.integers("segments").map { Int($0) }
    let rows = try Self.conversations()
    let short = rows.indices.filter { rows[$0].count < 100 }
    #expect(short.count >= 5)
    let logprobs = RealModel.logprobs(try RealModel.load(), short.map { rows[$0] })
    let wanted = short.flatMap { Array(expected[starts[$0]..<starts[$0 + 1]]) }
    let difference = largestDifference(logprobs, wanted)
    #expect(difference < 2e-4)
    print("flat batch: largest difference of a log-probability \(difference)")
  }

  @Test("ids of 20 prompts as a user's message")
  func promptIDs() throws {
    let renderer = try RealModel.renderer()
    for one in try Self.cases("generation", as: GenerationCase.self) {
      let ids = try renderer.prompt(for: [Message(role: .user, content: one.prompt)])
      #expect(ids == one.prompt_ids, "\(one.prompt)")
    }
  }

  @Test("the likeliest token after every golden one, and its lead, to 1e-3")
  func margins() throws {
    let model = try RealModel.load()
    var worst: Float = 0
    for one in try Self.cases("generation", as: GenerationCase.self) {
      let tokens = one.prompt_ids + one.ids.dropLast()
      let batch = Batch(rows: [RealModel.row(tokens)])
      let first = Int32(one.prompt_ids.count - 1)
      let places = (0..<Int32(one.ids.count)).map { first + $0 }
      let logits = withoutGradients {
        let hidden = model.hidden(of: batch, dropoutSeed: nil, recomputesBlocks: false)
        return model.logits(
          hidden.gatherRows(Tensor(places, shape: [places.count], on: model.backend)))
      }.floats
      for (index, id) in one.ids.enumerated() {
        let lead = Self.lead(of: Int(id), in: logits[index * 49152..<(index + 1) * 49152])
        let difference = abs(lead - one.margins[index])
        #expect(difference < 1e-3, "\(one.prompt), token \(index)")
        worst = max(worst, difference)
      }
    }
    print("margins: largest difference \(worst)")
  }

  /// By how much a logit leads the best of the others.
  private static func lead(of id: Int, in logits: ArraySlice<Float>) -> Float {
    logits.withUnsafeBufferPointer { row in
      var best = -Float.infinity
      var index = 0
      while index < row.count {
        if index != id, row[index] > best { best = row[index] }
        index += 1
      }
      return row[id] - best
    }
  }

  @Test("64 greedy tokens after 20 prompts, up to near-ties")
  func generation() throws {
    let tokenizer = try RealModel.tokenizer()
    let model = try RealModel.load()
    var (identical, compared) = (0, 0)
    for one in try Self.cases("generation", as: GenerationCase.self) {
      let isStopped = one.ids.last == 2
      let expected = isStopped ? one.ids.dropLast() : one.ids[...]
      let (tokens, finish) = try Generator(model, capacity: one.prompt_ids.count + 64)
        .generate(one.prompt_ids, maxTokens: 64, stops: [2], sampling: Sampling())
      let sure = one.margins.firstIndex { $0 < Self.nearTie } ?? one.ids.count
      #expect(
        tokens.prefix(sure) == expected.prefix(sure), "\(one.prompt) \(tokenizer.decode(tokens))")
      compared += min(sure, expected.count)
      if tokens[...] == expected {
        identical += 1
        #expect(finish == (isStopped ? .stop : .length))
        #expect(tokenizer.decode(tokens) == one.text)
      }
    }
    print("generation: \(identical) of 20 identical, \(compared) tokens compared")
    #expect(compared > 900)
  }

  @Test("a conversation that goes on gives the same tokens as one from its start")
  func continuation() throws {
    let one = try #require(try Self.cases("generation", as: GenerationCase.self).first)
    let generator = Generator(try RealModel.load(), capacity: 256)
    let first = try generator.generate(
      one.prompt_ids, maxTokens: 8, stops: [2], sampling: Sampling()
    ).tokens
    #expect(first == Array(one.ids.prefix(8)))
    let second = try generator.generate(
      one.prompt_ids + first, maxTokens: 8, stops: [2], sampling: Sampling()
    ).tokens
    #expect(second == Array(one.ids[8..<16]))
    let again = try generator.generate(
      one.prompt_ids, maxTokens: 4, stops: [2], sampling: Sampling()
    ).tokens
    #expect(again == Array(one.ids.prefix(4)))
  }
}
