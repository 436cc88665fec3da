import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Names of things that are on their way: `.<name>.partial-<process>-<number>` for what is being
/// written, `.<name>.replaced-<process>-<number>` for what steps aside for it.
enum PartialName {
  private static let counter = Atomic<Int>(0)
  private static let unfinished = ".partial-"
  private static let aside = ".replaced-"

  /// A name beside `url` that nothing else in this process uses.
  static func make(for url: URL) -> URL { make(for: url, mark: unfinished) }

  /// A name beside `url` for what is there now, while something else takes its place.
  static func makeAside(for url: URL) -> URL { make(for: url, mark: aside) }

  private static func make(for url: URL, mark: String) -> URL {
    let number = counter.add(1, ordering: .relaxed).newValue
    return url.deletingLastPathComponent()
      .appendingPathComponent(".\(url.lastPathComponent)\(mark)\(getpid())-\(number)")
  }

  /// The name that something unfinished is to have, if `name` has the form that `make` gives.
  static func written(_ name: String) -> String? { original(of: name, mark: unfinished) }

  /// The name of what stepped aside, if `name` has the form that `makeAside` gives.
  static func replaced(_ name: String) -> String? { original(of: name, mark: aside) }

  private static func original(of name: String, mark: String) -> String? {
    guard name.hasPrefix("."), let found = name.range(of: mark, options: .backwards) else {
      return nil
    }
    let parts = name[found.upperBound...].split(separator: "-", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts.allSatisfy({ UInt32($0) != nil }) else { return nil }
    return String(name[..<found.lowerBound].dropFirst())
  }
}

/// A file on its way to its final name. A lock on it, which ends with the process, tells it from
/// one that a dead process left behind.
struct TemporaryFile {
  let destination: URL
  let location: URL
  private let descriptor: Int32

  init(for url: URL, overwrite: Bool) throws(FormatError) {
    destination = url
    location = PartialName.make(for: url)
    var status = stat()
    if lstat(url.path, &status) == 0 {
      guard status.st_mode & S_IFMT != S_IFDIR else {
        throw FormatError(
          .fileExists, "cannot write a file here: there is a directory of this name",
          mend: "Choose another name", path: url.path)
      }
      guard overwrite else { throw FormatError.exists(url.path) }
    }
    descriptor = open(location.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw FormatError(errno: errno, while: "create the file", path: url.path)
    }
    _ = flock(descriptor, LOCK_EX | LOCK_NB)
  }

  func fill<E: Error>(_ body: (OutputFile) throws(E) -> Void) throws {
    let file = OutputFile(descriptor: descriptor, path: destination.path)
    try body(file)
    try file.flush()
  }

  func fill(_ body: (OutputFile) throws(FormatError) -> Void) throws(FormatError) {
    let file = OutputFile(descriptor: descriptor, path: destination.path)
    try body(file)
    try file.flush()
  }

  /// Gives up the lock for a library that takes one itself.
  func unlock() {
    _ = flock(descriptor, LOCK_UN)
  }

  /// Forces the content to disk and gives the file its name.
  func install(overwrite: Bool) throws(FormatError) {
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw FormatError(errno: errno, while: "force to disk", path: destination.path)
    }
    if !overwrite {
      // A hard link fails if the name was taken meanwhile, which a rename would not.
      if link(location.path, destination.path) == 0 {
        unlink(location.path)
        return try finish()
      }
      guard errno != EEXIST else { throw FormatError.exists(destination.path) }
    }
    guard rename(location.path, destination.path) == 0 else {
      throw FormatError(
        errno: errno, while: "give the finished file its name", path: destination.path)
    }
    try finish()
  }

  private func finish() throws(FormatError) {
    close(descriptor)
    try Durability.synchronize(directory: destination.deletingLastPathComponent())
  }

  /// Removes the unfinished file.
  func discard() {
    unlink(location.path)
    close(descriptor)
  }
}
