import Foundation
import HalterTokenizers

/// A file of rows as a recipe names it.
public struct DataSource: Sendable, Equatable {
  /// The file.
  public let url: URL
  /// How messages call it.
  public let name: String
  /// The layout of its rows; nil to find it from the first row.
  public let layout: String?
  /// At most so many rows from the start of the file; nil for all.
  public let limit: Int?

  /// A file of rows; `name` is how messages call it, the path where nil.
  public init(url: URL, name: String? = nil, layout: String? = nil, limit: Int? = nil) {
    self.url = url
    self.name = name ?? url.path
    self.layout = layout == "auto" ? nil : layout
    self.limit = limit
  }
}

/// What becomes of rows that are too long. No row is ever cut.
public struct LengthPolicy: Sendable, Equatable {
  /// What is done with a row that is too long.
  public enum Overflow: String, Sendable, CaseIterable {
    /// The row is left out and counted.
    case drop
    /// The whole set is refused.
    case error
  }

  /// The longest row in tokens; nil for any length.
  public let maxLength: Int?
  /// What is done with longer rows.
  public let onOverflow: Overflow

  /// A policy; `maxLength` in tokens, nil for any length.
  public init(maxLength: Int? = nil, onOverflow: Overflow = .drop) {
    self.maxLength = maxLength
    self.onOverflow = onOverflow
  }
}

/// Rows ready to be trained or evaluated on.
public struct Dataset: Sendable {
  /// The rows in source order.
  public let rows: [TokenizedRow]
  /// What became of the rows that were read.
  public let statistics: DatasetStatistics
  /// The layout of each source, in order, as found or as named.
  public let layouts: [String]
  /// A fingerprint of all tokens and weights in order, so that a run does not resume on other
  /// data.
  public let contentHash: UInt64

  /// The length of each row in tokens.
  public var lengths: [Int] { rows.map(\.tokens.count) }

  /// Reads, renders and checks the rows of some sources.
  ///
  /// - Parameters:
  ///   - sources: the files, in order; at least one.
  ///   - renderer: the way from messages to tokens.
  ///   - length: what becomes of rows that are too long.
  /// - Throws: `DataError` for a missing or empty file, a row that does not fit its layout, a row
  ///   that is too long where the policy says so, and a set that would teach nothing or never
  ///   teach the model to stop.
  public init(
    reading sources: [DataSource], renderer: PromptRenderer, length: LengthPolicy = LengthPolicy()
  ) throws(DataError) {
    precondition(!sources.isEmpty, "Dataset: no sources")
    var builder = Builder(renderer: renderer, length: length)
    var layouts: [String] = []
    for source in sources {
      var reader = try ConversationReader(source)
      while let conversation = try reader.next() { try builder.add(conversation) }
      layouts.append(reader.layoutName ?? "")
    }
    self = try builder.finish(layouts: layouts, name: sources.map(\.name).joined(separator: ", "))
  }

  /// Renders and checks conversations that are already in memory.
  ///
  /// - Throws: `DataError` as `init(reading:renderer:length:)` does.
  public init(
    _ conversations: [Conversation], renderer: PromptRenderer,
    length: LengthPolicy = LengthPolicy()
  ) throws(DataError) {
    var builder = Builder(renderer: renderer, length: length)
    for conversation in conversations { try builder.add(conversation) }
    let name = conversations.first?.location.file ?? "the data"
    self = try builder.finish(layouts: [], name: name)
  }

  private init(
    rows: [TokenizedRow], statistics: DatasetStatistics, layouts: [String], contentHash: UInt64
  ) {
    self.rows = rows
    self.statistics = statistics
    self.layouts = layouts
    self.contentHash = contentHash
  }

  // MARK: - Building

  private struct Builder {
    let renderer: PromptRenderer
    let length: LengthPolicy
    var rows: [TokenizedRow] = []
    var statistics = DatasetStatistics()
    var hash = ContentHash()

    mutating func add(_ conversation: Conversation) throws(DataError) {
      let (row, stops) = try renderer.render(conversation)
      let count = row.tokens.count
      statistics.rowsRead += 1
      statistics.longestRead = max(statistics.longestRead, count)
      if let limit = length.maxLength, count > limit {
        if length.onOverflow == .error {
          throw DataError(
            .tooLong, at: row.location,
            "the row has \(count) tokens, `max_length` is \(limit); raise it, or leave such rows"
              + " out with `on_overflow: drop`")
        }
        statistics.tooLong.add(row.location)
        return
      }
      let trained = row.trainedTokens
      if trained == 0 {
        statistics.untrained.add(row.location)
        return
      }
      statistics.keep(row, trainedTokens: trained, stops: stops)
      hash.add(row)
      rows.append(row)
    }

    func finish(layouts: [String], name: String) throws(DataError) -> Dataset {
      if rows.isEmpty { throw nothingLeft(name) }
      if statistics.trainedStops == 0 {
        throw DataError(
          .untrainable,
          "no answer of the \(rows.count) rows ends in a trained stop token, so that the model"
            + " would never learn to stop: the template \(renderer.template.kind.rawValue) does not go with"
            + " this tokenizer; name another with `template:`", file: name)
      }
      return Dataset(
        rows: rows, statistics: statistics, layouts: layouts, contentHash: hash.value)
    }

    private func nothingLeft(_ name: String) -> DataError {
      if statistics.rowsRead == 0 {
        return DataError(.untrainable, "there are no rows", file: name)
      }
      var reasons: [String] = []
      if statistics.tooLong.count > 0, let limit = length.maxLength {
        reasons.append(
          "longer than `max_length` \(limit): \(statistics.tooLong.summary), the longest has"
            + " \(statistics.longestRead) tokens")
      }
      if statistics.untrained.count > 0 {
        reasons.append("with no trained token: \(statistics.untrained.summary)")
      }
      return DataError(
        .untrainable,
        "none of the \(statistics.rowsRead) rows is left to train on; "
          + reasons.joined(separator: "; "), file: name)
    }
  }
}
