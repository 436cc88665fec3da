import Foundation
import HalterData
import HalterTraining

/// The rows of a set, ready in the cache.
public struct PreparedSet: Sendable {
  /// How the rows came to be in the cache.
  public enum Origin: Sendable, Equatable {
    /// They were there already.
    case reused
    /// They were tokenised now, and why.
    case tokenized(TokenCacheReason)
  }

  /// What the recipe calls the set: `train` or `validation`.
  public let name: String
  /// The rows.
  public let dataset: Dataset
  /// The cache file.
  public let file: URL
  /// How the rows came to be there.
  public let origin: Origin

  /// Stands for the rows and all that they follow from.
  var key: String { file.deletingPathExtension().lastPathComponent }

  /// The size of the cache file in bytes.
  public var bytes: Int {
    (try? file.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0
  }

  /// How the rows came to be there, in a line.
  public var note: String {
    let rows = "\(name): \(Quantities.grouped(dataset.count)) rows"
    return switch origin {
    case .reused: "\(rows) from the cache"
    case .tokenized(let reason): "\(rows) tokenised, as \(reason)"
    }
  }
}

/// A request to end that came while the data was being read. Nothing was trained, nothing is left
/// behind.
public struct PreparationInterrupted: Error, CustomStringConvertible {
  /// What a person is told.
  public var description: String {
    "interrupted while the data was being read; nothing was changed"
  }
}

extension PreparedSet {
  /// Opens a set in the cache, and tells an observer about it.
  /// - Parameters:
  ///   - name: what the recipe calls the set.
  ///   - others: rows that are to be none of these.
  ///   - recipe: the recipe file, to say what has changed since its last use.
  ///   - shouldStop: asked now and then; true ends the work with `PreparationInterrupted`.
  init(
    _ name: String, _ sources: [DataSource], apartFrom others: OtherRows?,
    encoder: ExampleEncoder, deduplication: Deduplication, recipe: URL, in store: TokenCacheStore,
    threads: Int, observer: any RunObserver, shouldStop: () -> Bool
  ) throws {
    var origin = Origin.reused
    let opened = try Dataset.open(
      sources, encoder: encoder, deduplication: deduplication, apartFrom: others,
      cachedIn: store, subject: "\(recipe.path) \(name)", threads: threads,
      report: { event in
        if shouldStop() { throw PreparationInterrupted() }
        switch event {
        case .progress(let progress): try observer.observe(.preparing(name, progress))
        case .cache(.reused): origin = .reused
        case .cache(.waiting):
          try observer.observe(.stage("Waiting for another process that tokenises the same rows"))
        case .cache(.building(let reason)):
          origin = .tokenized(reason)
          if case .damaged(let fault) = reason {
            try observer.observe(
              .warning("the cache of \(name) was damaged and is made again: \(fault)"))
          }
        case .cache(.evicted(let count, let bytes)):
          try observer.observe(
            .note(
              "\(count) caches of tokenised rows removed, \(Quantities.bytes(bytes)) that were not"
                + " used for longest: all may take \(Quantities.bytes(store.limit))"))
        }
      })
    self.name = name
    (dataset, file) = opened
    self.origin = origin
    try observer.observe(.note(note))
  }
}
