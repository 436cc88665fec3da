/// What went wrong while finding, fetching or checking a model: what was found, and the mend.
public struct HubError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of failure, for callers that choose what to do next.
  public enum Code: String, Sendable {
    /// The reference is not a catalogue name, a Hub repository or a path that exists.
    case unknownName
    /// A known model that is not in the cache yet.
    case notPulled
    /// A reference, environment variable or revision that cannot be read.
    case malformed
    /// Bytes on disk or from the network are not the ones that were promised.
    case corrupt
    /// The Hub wants a token, or this token may not read the repository (401, 403).
    case denied
    /// The repository, revision or file does not exist (404).
    case notFound
    /// Too many requests (429).
    case rateLimited
    /// The server answered something that cannot be used.
    case badResponse
    /// No connection, or it broke more often than the policy allows.
    case unreachable
    /// The file system is full.
    case diskFull
    /// Reading or writing the cache failed.
    case io
    /// Python or pip is missing, failed, or ran too long.
    case tool
    /// The caller cancelled the task.
    case cancelled
  }

  /// The kind of failure.
  public let code: Code
  /// What was found, where, and what was expected.
  public let message: String
  /// What to do about it; empty when there is nothing to do.
  public let mend: String

  init(_ code: Code, _ message: String, mend: String = "") {
    self.code = code
    self.message = message
    self.mend = mend
  }

  /// The message, followed by the mend where there is one.
  public var description: String { mend.isEmpty ? message : "\(message); \(mend)" }

  /// The exit status a command ends with: 64 usage, 65 bad input, 66 missing, 74 input or output.
  public var exitCode: Int32 {
    switch code {
    case .malformed: 64
    case .corrupt, .badResponse: 65
    case .unknownName, .notPulled, .notFound: 66
    case .diskFull: 73
    case .denied, .rateLimited, .unreachable, .io, .tool: 74
    case .cancelled: 130
    }
  }

  static let cancelled = HubError(.cancelled, "interrupted before the model was complete")
}
