/// How far a pass over the files of a set has come.
public struct PreparationProgress: Sendable, Equatable {
  /// What is done with the files.
  public enum Phase: Sendable, Equatable {
    /// Their checksums are taken, to tell whether the rows are in the cache.
    case checking
    /// The training rows are read, to find those that are among the validation rows too.
    case comparing
    /// Their rows are read, rendered and tokenised.
    case tokenizing
  }

  /// What is done with the files.
  public var phase: Phase
  /// Bytes of the files that have been read.
  public var bytesDone: Int
  /// Bytes of all the files.
  public var bytesTotal: Int
  /// Rows read so far; 0 while checking.
  public var rows: Int

  /// Progress of a phase.
  public init(phase: Phase, bytesDone: Int, bytesTotal: Int, rows: Int) {
    self.phase = phase
    self.bytesDone = bytesDone
    self.bytesTotal = bytesTotal
    self.rows = rows
  }
}
