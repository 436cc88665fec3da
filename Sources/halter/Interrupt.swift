@preconcurrency import Dispatch
import Foundation
import Synchronization

/// SIGINT and SIGTERM as a request to end: the first one is noted, a second one ends the process
/// at once, which is safe because files appear whole or not at all.
final class Interrupt: Sendable {
  private let requested = Atomic<Bool>(false)
  private let sources: [any DispatchSourceSignal]

  /// Starts to listen.
  init() {
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      return DispatchSource.makeSignalSource(signal: number, queue: .global())
    }
    for source in sources {
      source.setEventHandler { [self] in
        if requested.exchange(true, ordering: .relaxed) { _exit(130) }
      }
      source.resume()
    }
  }

  /// Whether a signal has come.
  var isRequested: Bool { requested.load(ordering: .relaxed) }
}
