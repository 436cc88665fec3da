import Synchronization

/// What encoding needs besides the vocabulary: words met before, and room to work in.
struct EncodingScratch: Sendable {
  var words = WordCache()
  var merge = MergeWork()
  var pieces = PieceEnds()
}

/// Lends every thread that encodes a scratch of its own.
///
/// There are never more than threads encoded at one time, and what one of them learnt of words
/// serves whoever borrows it next. No id depends on it.
final class EncodingScratchPool: Sendable {
  private let idle = Mutex<[EncodingScratch]>([])

  /// Runs `body` with a scratch that nothing else uses meanwhile.
  func withScratch<Result>(_ body: (inout EncodingScratch) -> Result) -> Result {
    var scratch = idle.withLock { $0.popLast() } ?? EncodingScratch()
    defer { idle.withLock { $0.append(scratch) } }
    return body(&scratch)
  }
}
