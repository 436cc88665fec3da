import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Replaces a file as a whole: readers see the old content or the new, never a part, also after a
/// crash or a power cut.
///
/// The bytes go to a hidden temporary file in the same directory, are forced to the disk, and the
/// file is then renamed. After a failure the destination is as before and the temporary is gone.
public enum AtomicWrite {
  /// Writes `data` to `url`.
  /// - Throws: `FormatError`, also when the file exists and `overwrite` is false.
  public static func write(
    _ data: Data, to url: URL, overwrite: Bool = true
  ) throws(FormatError) {
    try stream(to: url, overwrite: overwrite) { (file: OutputFile) throws(FormatError) in
      try file.write(data)
    }
  }

  /// Writes `text` as UTF-8 to `url`.
  /// - Throws: `FormatError`, also when the file exists and `overwrite` is false.
  public static func write(
    _ text: String, to url: URL, overwrite: Bool = true
  ) throws(FormatError) {
    try write(Data(text.utf8), to: url, overwrite: overwrite)
  }

  /// Writes what `body` appends to the file it is given.
  /// - Throws: what `body` throws, or a `FormatError` naming `url`.
  public static func stream(
    to url: URL, overwrite: Bool = true, _ body: (OutputFile) throws -> Void
  ) throws {
    let temporary = try TemporaryFile(for: url, overwrite: overwrite)
    do {
      try temporary.fill(body)
      try temporary.install(overwrite: overwrite)
    } catch {
      temporary.discard()
      throw error
    }
  }

  /// Writes what `body` appends to the file it is given.
  /// - Throws: what `body` throws, or a `FormatError` naming `url`.
  public static func stream(
    to url: URL, overwrite: Bool = true, _ body: (OutputFile) throws(FormatError) -> Void
  ) throws(FormatError) {
    let temporary = try TemporaryFile(for: url, overwrite: overwrite)
    do throws(FormatError) {
      try temporary.fill(body)
      try temporary.install(overwrite: overwrite)
    } catch {
      temporary.discard()
      throw error
    }
  }

  /// Makes or replaces the symbolic link `url` so that it points to `target` (a relative path is
  /// relative to the directory of the link).
  public static func link(_ url: URL, to target: String) throws(FormatError) {
    let name = PartialName.make(for: url)
    guard symlink(target, name.path) == 0 else {
      throw FormatError(errno: errno, while: "make the link", path: url.path)
    }
    guard rename(name.path, url.path) == 0 else {
      let failure = FormatError(errno: errno, while: "make the link", path: url.path)
      unlink(name.path)
      throw failure
    }
    try Durability.synchronize(directory: url.deletingLastPathComponent())
  }

  /// Lets a library that opens files by itself (HDF5) write the temporary file: `body` gets its
  /// location, and must have closed it when it returns.
  static func writeByPath<R>(
    to url: URL, overwrite: Bool, _ body: (URL) throws -> R
  ) throws -> R {
    let temporary = try TemporaryFile(for: url, overwrite: overwrite)
    temporary.unlock()
    do {
      let result = try body(temporary.location)
      try temporary.install(overwrite: overwrite)
      return result
    } catch {
      temporary.discard()
      throw error
    }
  }
}

/// Forcing things to the disk.
enum Durability {
  /// Makes the names in a directory durable. File systems that cannot do it for directories say
  /// EINVAL; there is nothing more to be done on those.
  static func synchronize(directory: URL) throws(FormatError) {
    let descriptor = open(directory.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FormatError(errno: errno, while: "open the directory", path: directory.path)
    }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw FormatError(errno: errno, while: "force to disk", path: directory.path)
    }
  }

  /// Forces the content of a file to the disk.
  static func synchronize(file: URL) throws(FormatError) {
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw FormatError(errno: errno, while: "open the file", path: file.path)
    }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw FormatError(errno: errno, while: "force to disk", path: file.path)
    }
  }
}
