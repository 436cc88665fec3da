/// A repository on a model hub, as written `hf:OWNER/NAME` or `hf:OWNER/NAME@REVISION`.
public struct HubRepository: Sendable, Hashable, CustomStringConvertible {
  /// User or organisation.
  public let owner: String
  /// Name of the repository.
  public let name: String
  /// Branch, tag or commit; `main` when none was written.
  public let revision: String

  /// The prefix that marks a repository among names and paths.
  public static let prefix = "hf:"

  /// Reads a reference that starts with `hf:`.
  ///
  /// - Throws: `HubError` of code `malformed` when it is not of that form.
  public init(parsing reference: String) throws(HubError) {
    let expected = HubError(
      .malformed, "'\(reference)' is not a Hub repository",
      mend: "write hf:OWNER/NAME or hf:OWNER/NAME@REVISION")
    guard reference.hasPrefix(Self.prefix) else { throw expected }
    let body = reference.dropFirst(Self.prefix.count)
    let halves = body.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    let parts = halves[0].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, parts.allSatisfy(SafeName.isComponent) else { throw expected }
    let revision = halves.count == 2 ? String(halves[1]) : "main"
    guard SafeName.isRevision(revision) else { throw expected }
    owner = parts[0]
    name = parts[1]
    self.revision = revision
  }

  /// The reference without its revision, such as `hf:OWNER/NAME`.
  public var unpinned: String { "\(Self.prefix)\(owner)/\(name)" }

  /// The reference as it would be written; `main` is left out.
  public var description: String { revision == "main" ? unpinned : "\(unpinned)@\(revision)" }
}

/// Which names from outside may become names on disk.
enum SafeName {
  /// Whether this can be one component of a path: letters, digits, `.`, `_` and `-`, at most 128
  /// bytes, not starting with a dot.
  static func isComponent(_ name: String) -> Bool {
    guard let first = name.utf8.first, first != UInt8(ascii: "."), name.utf8.count <= 128 else {
      return false
    }
    return name.utf8.allSatisfy { isWord($0) }
  }

  /// Whether this can be a branch, tag or commit: components joined by single slashes.
  static func isRevision(_ revision: String) -> Bool {
    let parts = revision.split(separator: "/", omittingEmptySubsequences: false)
    return !parts.isEmpty && parts.allSatisfy { isComponent(String($0)) }
  }

  /// Whether this is a whole commit: 40 lower-case hexadecimal digits.
  static func isCommit(_ text: String) -> Bool { isHexadecimal(text, count: 40) }

  /// Whether this is `count` lower-case hexadecimal digits.
  static func isHexadecimal(_ text: String, count: Int) -> Bool {
    text.utf8.count == count
      && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }

  /// Whether a path from a listing tries to leave its directory or hide what it is.
  static func isHostile(path: String) -> Bool {
    if path.isEmpty || path.hasPrefix("/") || path.contains("\\") { return true }
    if path.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) { return true }
    return path.split(separator: "/", omittingEmptySubsequences: false)
      .contains { $0 == ".." || $0 == "." || $0.isEmpty }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
