import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Makes a directory with all its files appear at once, as checkpoints must: it exists complete
/// and on the disk, or not at all.
///
/// Files are written to a hidden sibling `.<name>.partial-<process>-<number>`, which is renamed at
/// the end. What a killed process left behind is never taken for the real thing and is removed by
/// `removeLeftovers(in:)`.
public enum AtomicDirectory {
  /// Calls `body` with an empty directory to fill, then gives that directory the name `url`.
  /// - Throws: what `body` throws, or `FormatError`; the destination is then as it was before.
  public static func write<R>(
    to url: URL, overwrite: Bool = false, _ body: (URL) throws -> R
  ) throws -> R {
    var status = stat()
    let exists = lstat(url.path, &status) == 0
    guard !exists || overwrite else { throw FormatError.exists(url.path) }
    let partial = PartialName.make(for: url)
    guard mkdir(partial.path, 0o777) == 0 else {
      throw FormatError(errno: errno, while: "create the directory", path: url.path)
    }
    let lock = open(partial.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if lock >= 0 { _ = flock(lock, LOCK_EX | LOCK_NB) }
    defer { if lock >= 0 { close(lock) } }
    do {
      let result = try body(partial)
      try synchronize(tree: partial)
      try install(partial, as: url, replacing: exists)
      return result
    } catch {
      try? FileManager.default.removeItem(at: partial)
      throw (error as? FormatError)?.moved(from: partial.path, to: url.path) ?? error
    }
  }

  /// Removes a directory that was written whole: it loses its name first, so that a process that
  /// is killed on the way leaves nothing that looks complete and is not.
  /// - Throws: `FormatError` if it cannot be removed.
  public static func remove(_ url: URL) throws(FormatError) {
    let doomed = PartialName.make(for: url)
    guard rename(url.path, doomed.path) == 0 else {
      throw FormatError(errno: errno, while: "remove the directory", path: url.path)
    }
    do {
      try FileManager.default.removeItem(at: doomed)
    } catch {
      throw FormatError(
        .io, "cannot remove what is left of it: \(error.localizedDescription)",
        mend: "Remove it by hand", path: doomed.path)
    }
  }

  /// Makes a directory and those above it that are missing; one that exists is left alone.
  /// - Throws: `FormatError` naming the directory and the reason.
  public static func makeDirectory(_ url: URL) throws(FormatError) {
    do {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    } catch {
      throw cannotCreate(url, error)
    }
  }

  /// The error that says why Foundation could not make a directory.
  public static func cannotCreate(_ url: URL, _ error: any Error) -> FormatError {
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    var reason = (cause ?? error as NSError).localizedDescription
    if reason.hasSuffix(".") { reason.removeLast() }
    return FormatError(
      .permissionDenied, "cannot be created: \(reason)",
      mend: "Choose another `output`, or mend the permissions or the disk", path: url.path)
  }

  /// Whether `url` is named like something unfinished or something being replaced.
  public static func isPartial(_ url: URL) -> Bool {
    let name = url.lastPathComponent
    return PartialName.written(name) != nil || PartialName.replaced(name) != nil
  }

  /// Removes the unfinished files and directories in `directory` whose writer is no longer
  /// running, and returns what was removed. A directory that does not exist has none.
  ///
  /// Where a writer died between moving an old directory aside and putting the new one in its
  /// place, the old one gets its name back.
  /// - Parameter isWanted: given the name that the finished thing would have; whether to look at
  ///   its leftovers at all.
  @discardableResult
  public static func removeLeftovers(
    in directory: URL, where isWanted: (String) -> Bool = { _ in true }
  ) throws(FormatError) -> [URL] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
    } catch CocoaError.fileReadNoSuchFile {
      return []
    } catch {
      throw FormatError(
        .io, "cannot list the directory: \(error.localizedDescription)", path: directory.path)
    }
    var removed: [URL] = []
    for name in names.sorted() {
      let url = directory.appendingPathComponent(name)
      guard let destination = PartialName.written(name) ?? PartialName.replaced(name),
        isWanted(destination), isAbandoned(url)
      else { continue }
      if let original = PartialName.replaced(name), try restore(url, as: original) { continue }
      do {
        try FileManager.default.removeItem(at: url)
      } catch {
        throw FormatError(
          .io, "cannot remove this unfinished leftover: \(error.localizedDescription)",
          mend: "Remove it by hand", path: url.path)
      }
      removed.append(url)
    }
    return removed
  }

  /// Gives what stepped aside its name back, unless its replacement is there.
  private static func restore(_ url: URL, as name: String) throws(FormatError) -> Bool {
    let original = url.deletingLastPathComponent().appendingPathComponent(name)
    var status = stat()
    guard lstat(original.path, &status) != 0 else { return false }
    guard rename(url.path, original.path) == 0 else {
      throw FormatError(errno: errno, while: "give this its name back", path: original.path)
    }
    return true
  }

  /// The writer holds a lock for as long as it lives, whatever machine or container it runs in.
  private static func isAbandoned(_ url: URL) -> Bool {
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return errno == ELOOP }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_EX | LOCK_NB) == 0
  }

  private static func synchronize(tree: URL) throws(FormatError) {
    let manager = FileManager.default
    if let paths = manager.enumerator(atPath: tree.path) {
      while let relative = paths.nextObject() as? String {
        let url = tree.appendingPathComponent(relative)
        var status = stat()
        guard lstat(url.path, &status) == 0 else { continue }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: try Durability.synchronize(directory: url)
        case S_IFREG: try Durability.synchronize(file: url)
        default: break
        }
      }
    }
    try Durability.synchronize(directory: tree)
  }

  private static func install(
    _ partial: URL, as url: URL, replacing exists: Bool
  ) throws(FormatError) {
    let parent = url.deletingLastPathComponent()
    // A directory cannot be renamed over a full one: the old one steps aside first, and comes
    // back should the second rename fail.
    let aside = PartialName.makeAside(for: url)
    let lock = exists ? open(url.path, O_RDONLY | O_CLOEXEC) : -1
    defer { if lock >= 0 { close(lock) } }
    if exists {
      if lock >= 0 { _ = flock(lock, LOCK_EX | LOCK_NB) }
      guard rename(url.path, aside.path) == 0 else {
        throw FormatError(errno: errno, while: "move the old directory aside", path: url.path)
      }
    }
    guard rename(partial.path, url.path) == 0 else {
      let failure = FormatError(
        errno: errno, while: "give the finished directory its name", path: url.path)
      if exists { rename(aside.path, url.path) }
      throw failure
    }
    try Durability.synchronize(directory: parent)
    if exists { try? FileManager.default.removeItem(at: aside) }
  }
}
