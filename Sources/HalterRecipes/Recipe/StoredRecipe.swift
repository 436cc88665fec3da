import Crypto
import Foundation

// The recipe as a run directory keeps it: resolved, and sealed by a hash of what it says.

extension LoadedRecipe {
  /// The SHA-256 of the resolved recipe without comments, in hexadecimal digits: what
  /// `halter recipe show --resolved` prints.
  public var contentHash: String { hexDigest(resolved(showingOrigins: false)) }

  /// The resolved recipe with the origin of each value, behind a comment that holds its hash.
  func stored() -> String {
    """
    \(Self.hashMark)\(contentHash)
    # The hash is of this recipe without comments, as `halter recipe show --resolved` prints it.
    \(resolved())
    """
  }

  /// Whether the recipe still says what it said when it was stored; nil for a recipe without a hash.
  public var isAsStored: Bool? {
    guard let line = text.split(separator: "\n", maxSplits: 1).first,
      line.hasPrefix(Self.hashMark)
    else { return nil }
    return line.dropFirst(Self.hashMark.count) == contentHash
  }

  private static var hashMark: String { "# sha256 " }
}

/// The SHA-256 of a text in hexadecimal digits.
func hexDigest(_ text: String) -> String {
  SHA256.hash(data: Data(text.utf8)).map { byte in
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
  }.joined()
}
