/// What a pull is doing.
public enum PullPhase: String, Sendable {
  /// Another pull of the same model is running; this one goes on when it ends.
  case waiting
  /// Asking the Hub what a repository holds.
  case listing
  /// Bytes are coming in.
  case downloading
  /// Unpacking what was downloaded.
  case extracting
  /// Computing checksums.
  case verifying
}

/// How far a pull is.
public struct PullProgress: Sendable, Equatable {
  /// What it is doing.
  public let phase: PullPhase
  /// The file it is at; nil where there is none.
  public let file: String?
  /// Bytes of the whole model that are there.
  public let bytesDone: Int64
  /// Bytes of the whole model; nil until known.
  public let bytesTotal: Int64?
}

/// Receives progress, on any thread; it must be quick.
public typealias PullObserver = @Sendable (PullProgress) -> Void
