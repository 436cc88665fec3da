import Foundation
import HalterFormats

/// Why rows are tokenised although there could be a cache of them.
public enum TokenCacheReason: Sendable, Equatable, CustomStringConvertible {
  /// They never were.
  case new
  /// Something that they follow from is not what it was the last time; what, in words.
  case changed([String])
  /// The file of the cache is not as it was written; what is wrong, in words.
  case damaged(String)
  /// The cache was there and is gone.
  case removed

  /// The reason in words, to follow "as".
  public var description: String {
    switch self {
    case .new: "there was no cache of these rows"
    case .changed(let parts):
      parts.prefix(3).joined(separator: ", ")
        + (parts.count > 3 ? " and \(parts.count - 3) more" : "") + " changed"
    case .damaged: "their cache was damaged"
    case .removed: "their cache had been removed"
    }
  }
}

/// What a store does, as it does it.
public enum TokenCacheEvent: Sendable, Equatable {
  /// Another process is preparing the same rows; this one waits for it.
  case waiting
  /// The rows are being tokenised.
  case building(TokenCacheReason)
  /// The rows were in the cache.
  case reused
  /// Caches that were not used for long were removed to keep the store within its limit.
  case evicted(count: Int, bytes: Int)
}

/// The caches of tokenised rows in a directory, one file for each key.
///
/// A cache is used only if its key is the one asked for and every byte is as it was written. Two
/// processes that want the same cache at the same time make it once: the second waits. What a
/// killed process left behind is removed when the next cache is made.
///
/// The caches together take no more than `limit` bytes: those that were not used for longest go
/// when a new one is made. The new one stays, however large it is.
public struct TokenCacheStore: Sendable {
  /// 32 GiB.
  public static let usualLimit = 32 << 30

  /// The directory, which need not exist yet.
  public let directory: URL
  /// How many bytes all caches together may take.
  public let limit: Int

  /// A store in a directory.
  public init(directory: URL, limit: Int = usualLimit) {
    self.directory = directory
    self.limit = limit
  }

  /// The file of a key, whether there is one or not.
  public func url(of key: TokenCacheKey) -> URL {
    directory.appendingPathComponent(key.digest + Self.suffix)
  }

  /// Opens the cache of a key, and makes it first if there is none or it is damaged.
  /// - Parameters:
  ///   - subject: whose rows they are, such as a recipe's path and `train`; only to say what has
  ///     changed since the last time.
  ///   - report: told what is done; what it throws ends a wait.
  ///   - build: appends the rows.
  /// - Throws: what `build` and `report` throw, and `FormatError` when the disk refuses.
  public func open(
    _ key: TokenCacheKey, subject: String, report: (TokenCacheEvent) throws -> Void = { _ in },
    build: (TokenCacheWriter) throws -> DatasetSummary
  ) throws -> TokenCache {
    try AtomicDirectory.makeDirectory(directory)
    let index = TokenCacheIndex(directory: directory)
    var fault: String?
    if let cache = existing(key, fault: &fault) {
      try report(.reused)
      index.note(key, for: subject)
      return cache
    }
    var hasWaited = false
    let lock = try FileLock.acquire(lock(of: key.digest)) {
      if !hasWaited { try report(.waiting) }
      hasWaited = true
    }
    defer { withExtendedLifetime(lock) {} }
    if let cache = existing(key, fault: &fault) {
      try report(.reused)
      index.note(key, for: subject)
      return cache
    }
    try removeLeftovers(besides: key)
    try report(.building(reason(for: key, fault: fault, earlier: index.key(of: subject))))
    let url = url(of: key)
    try TokenCacheWriter.write(to: url, key: key, build)
    let cache = try TokenCache(url, key: key)
    index.note(key, for: subject)
    if let event = evict(keeping: key) { try report(event) }
    return cache
  }

  // MARK: - Finding

  private static let suffix = ".h5"

  private func lock(of digest: String) -> URL {
    directory.appendingPathComponent(".\(digest).lock")
  }

  /// The cache of a key if it is there and whole; else what is wrong with it, if it is there.
  private func existing(_ key: TokenCacheKey, fault: inout String?) -> TokenCache? {
    let url = url(of: key)
    do {
      let cache = try TokenCache(url, key: key)
      // The time of the last use decides which caches go first.
      try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: url.path)
      return cache
    } catch {
      if error.code != .notFound { fault = error.message }
      return nil
    }
  }

  private func reason(
    for key: TokenCacheKey, fault: String?, earlier: TokenCacheKey?
  ) -> TokenCacheReason {
    if let fault { return .damaged(fault) }
    guard let earlier else { return .new }
    let changes = key.changes(since: earlier)
    return changes.isEmpty ? .removed : .changed(changes)
  }

  // MARK: - Tidying up

  /// Removes unfinished caches that nobody works on: those whose lock is free, and those of `key`,
  /// whose lock this process has.
  private func removeLeftovers(besides key: TokenCacheKey) throws(FormatError) {
    try AtomicDirectory.removeLeftovers(in: directory) { name in
      guard let digest = Self.digest(of: name) else { return false }
      if digest == key.digest { return true }
      return (try? FileLock.attempt(lock(of: digest))) != nil
    }
  }

  private static func digest(of name: String) -> String? {
    guard name.hasSuffix(suffix) else { return nil }
    let digest = String(name.dropLast(suffix.count))
    return digest.utf8.count == 64 && digest.allSatisfy(\.isHexDigit) ? digest : nil
  }

  private func evict(keeping key: TokenCacheKey) -> TokenCacheEvent? {
    let keys: Set<URLResourceKey> = [.contentModificationDateKey, .fileSizeKey]
    let files =
      (try? FileManager.default.contentsOfDirectory(
        at: directory, includingPropertiesForKeys: Array(keys))) ?? []
    var caches: [(url: URL, digest: String, size: Int, used: Date)] = []
    for url in files {
      guard let digest = Self.digest(of: url.lastPathComponent),
        let values = try? url.resourceValues(forKeys: keys), let size = values.fileSize,
        let used = values.contentModificationDate
      else { continue }
      caches.append((url, digest, size, used))
    }
    var total = caches.reduce(0) { $0 + $1.size }
    var (count, bytes) = (0, 0)
    for cache in caches.sorted(by: { $0.used < $1.used }) {
      guard total > limit else { break }
      guard cache.digest != key.digest,
        let lock = try? FileLock.attempt(lock(of: cache.digest))
      else { continue }
      // A process that has it open keeps it until it is done.
      guard (try? FileManager.default.removeItem(at: cache.url)) != nil else { continue }
      withExtendedLifetime(lock) {}
      total -= cache.size
      count += 1
      bytes += cache.size
    }
    return count > 0 ? .evicted(count: count, bytes: bytes) : nil
  }
}
