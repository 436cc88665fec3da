import Foundation

/// What happens while a dataset is opened, as it happens.
public enum DatasetEvent: Sendable, Equatable {
  /// A pass over the files goes on.
  case progress(PreparationProgress)
  /// The cache was looked at or changed.
  case cache(TokenCacheEvent)
}

extension Dataset {
  /// Opens the rows of some sources in the cache, where they are put first if they are not there.
  ///
  /// - Parameters:
  ///   - sources: the files, in order; at least one.
  ///   - encoder: the way from examples to rows.
  ///   - store: where caches are.
  ///   - subject: whose rows they are, such as a recipe's path and `train`; only to say what has
  ///     changed since the last time.
  ///   - threads: how many threads encode.
  ///   - report: told what happens; what it throws ends the work, and nothing is left behind.
  /// - Returns: the rows, and the file that they are in.
  /// - Throws: `DataError` as `init(reading:encoder:threads:)` does, also when a file changes while
  ///   it is read; `FormatError` when the cache cannot be written.
  public static func open(
    _ sources: [DataSource], encoder: ExampleEncoder, cachedIn store: TokenCacheStore,
    subject: String, threads: Int, report: (DatasetEvent) throws -> Void
  ) throws -> (dataset: Dataset, file: URL) {
    precondition(!sources.isEmpty, "Dataset: no sources")
    let preparation = try Preparation(sources, encoder: encoder, threads: threads)
    let content = try SourceContent(of: sources) { try report(.progress($0)) }
    let cache = try store.open(
      TokenCacheKey(sources: content.sources, encoder: encoder), subject: subject,
      report: { try report(.cache($0)) },
      build: { writer in
        let summary = try preparation.run(
          progress: { try report(.progress($0)) },
          consume: { try writer.append($0, source: $1) })
        try content.checkUnchanged()
        return summary
      })
    return (Dataset(cache), cache.url)
  }
}
