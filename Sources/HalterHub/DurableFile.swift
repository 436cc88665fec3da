import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file being written, by descriptor, so that a full disk is an error and a sync is a sync.
///
/// `@unchecked Sendable`: the descriptor is set once and closed once in `deinit`; one owner at a
/// time appends, and the kernel serialises the calls themselves.
final class DurableFile: @unchecked Sendable {
  let path: String
  private let descriptor: Int32

  /// Opens a file for appending, making it when it is missing.
  init(appendingTo url: URL) throws(HubError) {
    path = url.path
    descriptor = open(url.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw Self.failure("open", path: url.path) }
  }

  deinit {
    _ = close(descriptor)
  }

  /// Bytes in the file now.
  func size() throws(HubError) -> Int64 {
    let end = lseek(descriptor, 0, SEEK_END)
    guard end >= 0 else { throw Self.failure("measure", path: path) }
    return Int64(end)
  }

  /// Adds bytes at the end.
  func append(_ data: Data) throws(HubError) {
    let failed: Int32? = data.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let slice = UnsafeRawBufferPointer(rebasing: rest)
        let written = write(descriptor, slice.baseAddress, slice.count)
        if written < 0 {
          if errno == EINTR { continue }
          return errno
        }
        rest = rest.dropFirst(written)
      }
      return nil
    }
    if let failed { throw Self.failure("write", path: path, number: failed) }
  }

  /// Throws away everything that was written.
  func reset() throws(HubError) {
    guard ftruncate(descriptor, 0) == 0 else { throw Self.failure("truncate", path: path) }
  }

  /// Returns once the bytes are on the medium.
  func synchronize() throws(HubError) {
    guard fsync(descriptor) == 0 else { throw Self.failure("sync", path: path) }
  }

  /// Writes a whole file: a temporary name first, then a sync, then the name.
  static func replace(_ url: URL, with data: Data) throws(HubError) {
    let directory = url.deletingLastPathComponent()
    let temporary = directory.appendingPathComponent(".\(url.lastPathComponent).\(UUID())")
    do throws(HubError) {
      let file = try DurableFile(appendingTo: temporary)
      try file.append(data)
      try file.synchronize()
    } catch {
      _ = unlink(temporary.path)
      throw error
    }
    try rename(temporary, to: url)
  }

  /// Renames and syncs the directory that holds the new name.
  static func rename(_ old: URL, to new: URL) throws(HubError) {
    #if canImport(Glibc)
      let status = Glibc.rename(old.path, new.path)
    #elseif canImport(Musl)
      let status = Musl.rename(old.path, new.path)
    #else
      let status = Darwin.rename(old.path, new.path)
    #endif
    guard status == 0 else { throw failure("rename to", path: new.path) }
    try synchronize(directory: new.deletingLastPathComponent())
  }

  /// Returns once the entries of a directory are on the medium.
  static func synchronize(directory: URL) throws(HubError) {
    let descriptor = open(directory.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("open", path: directory.path) }
    defer { _ = close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("sync", path: directory.path) }
  }

  /// Makes a directory and those above it.
  static func makeDirectory(_ url: URL) throws(HubError) {
    do {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    } catch {
      throw HubError(
        .io, "cannot make the directory \(url.path): \(error.localizedDescription)",
        mend: "check its permissions, or set HALTER_HOME to a directory you can write")
    }
  }

  /// Removes a file or directory; one that is not there is fine.
  static func remove(_ url: URL) throws(HubError) {
    do {
      try FileManager.default.removeItem(at: url)
    } catch {
      if !FileManager.default.fileExists(atPath: url.path) { return }
      throw HubError(.io, "cannot remove \(url.path): \(error.localizedDescription)")
    }
  }

  /// Size of the regular file at a path, or nil when there is none.
  static func size(of url: URL) -> Int64? {
    var status = stat()
    guard lstat(url.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int64(status.st_size)
  }

  private static func failure(_ action: String, path: String, number: Int32 = errno) -> HubError {
    if number == ENOSPC || number == EDQUOT {
      return HubError(
        .diskFull, "no space left to write \(path)",
        mend: "free some space or set HALTER_HOME to a larger disk, then run the same command")
    }
    return HubError(.io, "cannot \(action) \(path): \(String(cString: strerror(number)))")
  }
}
