import Foundation

/// What happens while a dataset is opened, as it happens.
public enum DatasetEvent: Sendable, Equatable {
  /// A pass over the files goes on.
  case progress(PreparationProgress)
  /// The cache was looked at or changed.
  case cache(TokenCacheEvent)
}

/// Rows that those of another set are held against.
public struct OtherRows: Sendable {
  /// Their sources.
  public let sources: [DataSource]
  /// What they are, for the key of a cache that depends on them.
  public let identity: String

  /// The rows of some sources; equal rows have an equal identity.
  public init(sources: [DataSource], identity: String) {
    self.sources = sources
    self.identity = identity
  }
}

extension Dataset {
  /// Opens the rows of some sources in the cache, where they are put first if they are not there.
  ///
  /// - Parameters:
  ///   - sources: the files, in order; at least one.
  ///   - encoder: the way from examples to rows.
  ///   - deduplication: what becomes of rows that stand there already.
  ///   - others: rows that are to be none of these.
  ///   - store: where caches are.
  ///   - subject: whose rows they are, such as a recipe's path and `train`; only to say what has
  ///     changed since the last time.
  ///   - threads: how many threads encode.
  ///   - report: told what happens; what it throws ends the work, and nothing is left behind.
  /// - Returns: the rows, and the file that they are in.
  /// - Throws: `DataError` as `init(reading:encoder:threads:)` does, also when a file changes while
  ///   it is read; `FormatError` when the cache cannot be written.
  public static func open(
    _ sources: [DataSource], encoder: ExampleEncoder, deduplication: Deduplication = .none,
    apartFrom others: OtherRows? = nil, cachedIn store: TokenCacheStore, subject: String,
    threads: Int, report: (DatasetEvent) throws -> Void
  ) throws -> (dataset: Dataset, file: URL) {
    precondition(!sources.isEmpty, "Dataset: no sources")
    let preparation = try Preparation(
      sources, encoder: encoder, deduplication: deduplication, threads: threads)
    let content = try SourceContent(of: sources) { try report(.progress($0)) }
    let cache = try store.open(
      TokenCacheKey(
        sources: content.sources, encoder: encoder, deduplication: deduplication,
        apartFrom: others?.identity), subject: subject,
      report: { try report(.cache($0)) },
      build: { writer in
        let seen = try others.map {
          try DuplicateFilter(reading: $0.sources, deduplication, threads: threads) {
            try report(.progress($0))
          }
        }
        let summary = try preparation.run(
          apartFrom: seen, progress: { try report(.progress($0)) },
          consume: { try writer.append($0, source: $1) })
        try content.checkUnchanged()
        return summary
      })
    return (Dataset(cache), cache.url)
  }
}
