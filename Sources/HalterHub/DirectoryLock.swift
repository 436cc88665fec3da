import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// An advisory lock that one pull holds at a time, across processes and within one.
///
/// The kernel lets go of it when the process ends in any way, so a lock file that was left behind
/// never blocks anyone.
///
/// `@unchecked Sendable`: the descriptor is set once and closed once, in `deinit`.
final class DirectoryLock: @unchecked Sendable {
  private let descriptor: Int32

  private init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  deinit {
    _ = close(descriptor)
  }

  /// Takes the lock, waiting for as long as another pull holds it.
  ///
  /// - Parameters:
  ///   - url: The lock file; made when missing, never removed.
  ///   - waiting: Called once when another pull holds the lock.
  /// - Returns: The lock, held until it is released from memory.
  /// - Throws: `HubError` of code `io` or `cancelled`.
  static func acquire(
    _ url: URL, waiting: @Sendable () -> Void
  ) async throws(HubError) -> DirectoryLock {
    let descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else {
      throw HubError(
        .io, "cannot open the lock \(url.path): \(String(cString: strerror(errno)))",
        mend: "check its permissions, or set HALTER_HOME to a directory you can write")
    }
    let lock = DirectoryLock(descriptor: descriptor)
    var told = false
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      let number = errno
      guard number == EWOULDBLOCK || number == EINTR else {
        throw HubError(.io, "cannot lock \(url.path): \(String(cString: strerror(number)))")
      }
      if !told { waiting() }
      told = true
      do {
        try await Task.sleep(for: .milliseconds(50))
      } catch {
        throw HubError.cancelled
      }
    }
    return lock
  }
}
