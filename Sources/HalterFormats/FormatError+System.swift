import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension FormatError {
  /// The error for a system call that failed with `errno`, saying what was being done to `path`.
  init(errno number: Int32, while doing: String, path: String) {
    let reason = String(cString: strerror(number))
    switch number {
    case ENOENT, ENOTDIR:
      self.init(
        .notFound, "cannot \(doing): there is no such file or directory",
        mend: "Check the path and that every directory above it exists", path: path)
    case EACCES, EPERM:
      self.init(
        .permissionDenied, "cannot \(doing): permission denied",
        mend: "Check the owner and the permissions of the file and its directory", path: path)
    case ENOSPC, EDQUOT, EFBIG:
      self.init(
        .noSpace, "cannot \(doing): the disk, the quota or the file size limit is full",
        mend: "Free some space or write to another disk; nothing was left half-written",
        path: path)
    case EROFS:
      self.init(
        .readOnly, "cannot \(doing): the file system is read-only",
        mend: "Write to another place", path: path)
    case EEXIST, ENOTEMPTY:
      self.init(
        .fileExists, "cannot \(doing): it exists already",
        mend: "Choose another name or ask for it to be replaced", path: path)
    default:
      self.init(.io, "cannot \(doing): \(reason)", path: path)
    }
  }

  /// The same error about a file below another directory: what a user gave, not what stands in for
  /// it while it is being written.
  func moved(from old: String, to new: String) -> FormatError {
    guard let path, path.hasPrefix(old + "/") else { return self }
    return FormatError(
      code, message, mend: mend, path: new + path.dropFirst(old.count), offset: offset,
      tensor: tensor)
  }

  /// The error for something that exists where a new thing should go.
  static func exists(_ path: String) -> FormatError {
    FormatError(errno: EEXIST, while: "write", path: path)
  }
}
