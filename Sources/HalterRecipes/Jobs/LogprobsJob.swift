import Foundation
import HalterBackend
import HalterData
import HalterJSON
import HalterModels
import HalterTensor
import HalterTokenizers
import HalterTraining

/// Per-token log-probabilities of rows, as JSON lines.
public struct LogprobsJob {
  private let session: ModelSession

  /// A job on a model.
  public init(_ session: ModelSession) { self.session = session }

  /// The log-probabilities of one row.
  public struct Row: Sendable, Codable, Equatable {
    /// The place of the row in its file, from 1.
    public var line: Int
    /// The token ids of the whole conversation.
    public var tokens: [Int32]
    /// log p(token | those before it), in nats, for all tokens but the first.
    public var logprobs: [Float]
    /// Which tokens carry loss in training.
    public var trained: [Bool]
  }

  /// Reads the rows of a file (messages, or prompt and completion; or `{"text": …}` as plain text)
  /// and hands over the log-probabilities of each.
  /// - Throws: `DataError` naming the row that cannot be read.
  public func run(rows url: URL, _ body: (Row) throws -> Void) throws {
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw DataError(.missingFile, "there is no such file", file: url.path)
    }
    var lines = try JSONLines(url: url)
    let renderer = Result { try session.renderer() }
    while let record = try lines.next() {
      let columns = try record.row()
      let row: TokenizedRow
      if let layout = Layouts.all.first(where: { $0.claims(columns) }),
        case .conversation(let conversation) = try layout.example(from: columns)
      {
        row = try renderer.get().row(conversation)
      } else if let text = columns["text"]?.string {
        let tokens = session.tokens(ofPlain: text)
        row = TokenizedRow(
          tokens: tokens, lossWeights: tokens.indices.map { Float($0 == 0 ? 0 : 1) },
          location: record.location)
      } else {
        throw DataError(
          .misfit, at: record.location,
          "the row is no conversation and has no `text`; log-probabilities are of those")
      }
      try check(row)
      try body(
        Row(
          line: record.location.line, tokens: row.tokens, logprobs: logprobs(row.tokens),
          trained: row.lossWeights.map { $0 != 0 }))
    }
  }

  /// log p(token | those before it) for all tokens but the first.
  func logprobs(_ tokens: [Int32]) -> [Float] {
    if tokens.count < 2 { return [] }
    let weights = tokens.indices.map { Float($0 == 0 ? 0 : 1) }
    let batch = Batch(
      rows: [
        TokenizedRow(
          tokens: tokens, lossWeights: weights, location: RowLocation(file: "", line: 0))
      ])
    return withoutGradients {
      let hidden = session.model.hidden(of: batch, dropoutSeed: nil, recomputesBlocks: false)
      return linearCrossEntropy(
        hidden, head: session.model.head, targets: LossTargets(batch), scale: 1
      ).logprobs
    }
  }

  private func check(_ row: TokenizedRow) throws {
    if row.tokens.count > session.model.contextLength {
      throw DataError(
        .tooLong, at: row.location,
        "the row has \(row.tokens.count) tokens, the model's context holds "
          + "\(session.model.contextLength); shorten it")
    }
  }
}
