/// Why a tokenizer, a chat template or a conversation was refused.
public struct TokenizerError: Error, CustomStringConvertible, Equatable {
  /// What sort of thing went wrong; the command chooses its exit code by it.
  public enum Kind: Sendable {
    /// A file that must exist does not, or cannot be read.
    case missingFile
    /// The bytes are not what the format says.
    case malformed
    /// Valid input that needs a part which does not exist here.
    case unsupported
    /// A chat template cannot be chosen, or cannot render these messages.
    case template
    /// A file could not be written.
    case cannotWrite
  }

  /// What sort of thing went wrong.
  public let kind: Kind
  /// What was found and what was expected.
  public let what: String
  /// Where it was found: a file, a JSON path, a byte offset. May be empty.
  public let place: String
  /// What to do about it. May be empty.
  public let mend: String

  /// An error of `kind` that says what was found, where, and how to mend it.
  public init(_ kind: Kind, _ what: String, at place: String = "", mend: String = "") {
    self.kind = kind
    self.what = what
    self.place = place
    self.mend = mend
  }

  /// The error as one line: place, what, mend.
  public var description: String {
    let head = place.isEmpty ? what : "\(place): \(what)"
    return mend.isEmpty ? head : "\(head); \(mend)"
  }

  /// The same error, with a file or outer path put in front of its place.
  func within(_ outer: String) -> TokenizerError {
    TokenizerError(kind, what, at: place.isEmpty ? outer : "\(outer): \(place)", mend: mend)
  }
}
