/// A file that could not be read or written: what was found, what was expected, where, and what
/// to do about it.
public struct FormatError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The kind of failure, for callers that choose an exit code or a reaction.
  public enum Code: String, Sendable {
    /// The file or directory does not exist.
    case notFound
    /// The operating system refused access.
    case permissionDenied
    /// The disk or the quota is full.
    case noSpace
    /// The file system is mounted read-only.
    case readOnly
    /// The destination exists and may not be replaced.
    case fileExists
    /// Any other failure of the operating system or of a library underneath.
    case io
    /// The file ends before what its header promises.
    case truncated
    /// The bytes break the rules of the format.
    case malformed
    /// The bytes follow the format but use a part of it that is not supported.
    case unsupported
    /// Sizes or checksums differ from what was recorded.
    case mismatch
    /// A tensor, key or dataset that was asked for is not in the file.
    case missing
    /// A key or dataset holds another type than the one asked for.
    case wrongType
    /// The caller handed over something that cannot be written.
    case invalidArgument
  }

  /// The kind of failure.
  public let code: Code
  /// What was found and what was expected, without a full stop.
  public let message: String
  /// What to do about it, without a full stop; `nil` where there is nothing to advise.
  public let mend: String?
  /// The file or directory concerned.
  public let path: String?
  /// Where in the file, counted in bytes from its start.
  public let offset: Int?
  /// The tensor, dataset or metadata key concerned.
  public let tensor: String?

  /// Makes an error from its parts.
  public init(
    _ code: Code, _ message: String, mend: String? = nil, path: String? = nil, offset: Int? = nil,
    tensor: String? = nil
  ) {
    self.code = code
    self.message = message
    self.mend = mend
    self.path = path
    self.offset = offset
    self.tensor = tensor
  }

  /// One or two sentences: place, finding, mend.
  public var description: String {
    var text = path.map { "\($0): " } ?? ""
    if let tensor { text += "'\(FormatError.shortened(tensor))': " }
    text += message
    if let offset { text += " (at byte \(offset))" }
    text += "."
    if let mend { text += " \(mend)." }
    return text
  }

  /// Names come from files and can be of any length or hold line breaks; messages stay readable.
  static func shortened(_ name: String) -> String {
    let shown = name.unicodeScalars.prefix(120).map { scalar in
      scalar.properties.generalCategory == .control ? "?" : String(scalar)
    }
    return shown.joined() + (name.unicodeScalars.count > 120 ? "…" : "")
  }
}
