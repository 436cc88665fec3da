import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// An advisory lock that one holder has at a time, across processes and within one. The kernel lets
/// go of it when its process ends in any way, so that a file left behind blocks nobody.
///
/// Held until it is released from memory, which removes the file.
public final class FileLock {
  /// The pause between two tries, in microseconds.
  private static let pause: UInt32 = 50_000

  private let descriptor: Int32
  private let path: String

  private init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit {
    // While it is held, so that no one can take a file that has no name any more for the lock.
    unlink(path)
    close(descriptor)
  }

  /// Takes the lock, waiting for as long as someone else has it.
  /// - Parameters:
  ///   - url: the file of the lock; made when missing.
  ///   - waiting: called before each further try, some twenty times a second; what it throws ends
  ///     the wait.
  /// - Throws: `FormatError` when the file cannot be made, and what `waiting` throws.
  public static func acquire(_ url: URL, waiting: () throws -> Void = {}) throws -> FileLock {
    while true {
      if let lock = try attempt(url) { return lock }
      try waiting()
      usleep(pause)
    }
  }

  /// Takes the lock if nobody has it.
  /// - Throws: `FormatError` when the file cannot be made.
  public static func attempt(_ url: URL) throws(FormatError) -> FileLock? {
    let path = url.path
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
      guard descriptor >= 0 else {
        throw FormatError(errno: errno, while: "make the lock", path: path)
      }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        let number = errno
        close(descriptor)
        if number == EINTR { continue }
        guard number == EWOULDBLOCK else {
          throw FormatError(errno: number, while: "take the lock", path: path)
        }
        return nil
      }
      if isNamed(path, descriptor) { return FileLock(descriptor: descriptor, path: path) }
      // Its last holder removed the name between the opening and the locking.
      close(descriptor)
    }
  }

  private static func isNamed(_ path: String, _ descriptor: Int32) -> Bool {
    var (held, named) = (stat(), stat())
    return fstat(descriptor, &held) == 0 && lstat(path, &named) == 0
      && held.st_ino == named.st_ino && held.st_dev == named.st_dev
  }
}
