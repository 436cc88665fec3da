/// A token that is found in text before anything else happens to it.
public struct AddedToken: Sendable, Equatable {
  /// The token's id.
  public var id: Int32
  /// The text it is found by and stands for.
  public var content: String
  /// Found only where no word character touches it.
  public var singleWord = false
  /// Swallows the whitespace before it.
  public var stripsLeft = false
  /// Swallows the whitespace after it.
  public var stripsRight = false
  /// Found in normalized text, by its normalized content.
  public var isNormalized = false
  /// Left out of decoded text, and not looked for in text that must not hold control tokens.
  public var isSpecial = true

  /// A token with the flags of a control token.
  public init(id: Int32, content: String) {
    self.id = id
    self.content = content
  }
}

/// Finds added tokens in text: at each place the longest, from left to right.
struct AddedTokenFinder: Sendable {
  struct Match {
    var token: AddedToken
    /// What the token takes of the text, swallowed whitespace included.
    var range: Range<Int>
  }

  private struct Pattern: Sendable {
    var bytes: [UInt8]
    var token: AddedToken
  }

  /// Patterns by first byte, longest first.
  private var byFirst: [[Pattern]] = []
  /// Whether some pattern begins with a byte.
  private var isFirst = [Bool](repeating: false, count: 256)

  var isEmpty: Bool { byFirst.isEmpty }

  /// A finder for `tokens`, each by the text that `pattern` gives for it.
  init(_ tokens: [AddedToken], pattern: (AddedToken) -> [UInt8]) {
    for token in tokens {
      let bytes = pattern(token)
      guard let first = bytes.first else { continue }
      if byFirst.isEmpty { byFirst = Array(repeating: [], count: 256) }
      byFirst[Int(first)].append(Pattern(bytes: bytes, token: token))
      isFirst[Int(first)] = true
    }
    for first in byFirst.indices {
      byFirst[first].sort { $0.bytes.count > $1.bytes.count }
    }
  }

  /// The tokens in `bytes[range]`; what `isHidden` says of a token leaves its text plain.
  func matches(
    _ bytes: [UInt8], _ range: Range<Int>, hiding isHidden: (AddedToken) -> Bool
  ) -> [Match] {
    guard !byFirst.isEmpty else { return [] }
    var out: [Match] = []
    var free = range.lowerBound
    var at = range.lowerBound
    while at < range.upperBound {
      guard isFirst[Int(bytes[at])],
        let found = byFirst[Int(bytes[at])].first(where: { Self.fits($0.bytes, bytes, at, range) })
      else {
        at += 1
        continue
      }
      let end = at + found.bytes.count
      if !isHidden(found.token),
        !found.token.singleWord || Self.standsAlone(bytes, at..<end, in: range)
      {
        let start = found.token.stripsLeft ? Self.spaceBefore(bytes, at, free) : at
        let after = found.token.stripsRight ? Self.spaceAfter(bytes, end, range.upperBound) : end
        out.append(Match(token: found.token, range: max(start, free)..<max(after, free)))
        free = max(after, free)
        at = free
      } else {
        at = end
      }
    }
    return out
  }

  @inline(__always)
  private static func fits(
    _ pattern: [UInt8], _ bytes: [UInt8], _ at: Int, _ range: Range<Int>
  ) -> Bool {
    guard range.upperBound - at >= pattern.count else { return false }
    var index = at
    for byte in pattern {
      if bytes[index] != byte { return false }
      index += 1
    }
    return true
  }

  private static func standsAlone(
    _ bytes: [UInt8], _ found: Range<Int>, in range: Range<Int>
  ) -> Bool {
    if found.lowerBound > range.lowerBound {
      let start = UTF8Text.start(endingAt: found.lowerBound, bytes)
      if UTF8Text.scalar(at: start, bytes).0.isWordScalar { return false }
    }
    return found.upperBound == range.upperBound
      || !UTF8Text.scalar(at: found.upperBound, bytes).0.isWordScalar
  }

  private static func spaceBefore(_ bytes: [UInt8], _ at: Int, _ limit: Int) -> Int {
    var start = at
    while start > limit {
      let before = UTF8Text.start(endingAt: start, bytes)
      guard UTF8Text.scalar(at: before, bytes).0.isPatternSpace else { break }
      start = before
    }
    return start
  }

  private static func spaceAfter(_ bytes: [UInt8], _ at: Int, _ limit: Int) -> Int {
    var end = at
    while end < limit {
      let (scalar, length) = UTF8Text.scalar(at: end, bytes)
      guard scalar.isPatternSpace else { break }
      end += length
    }
    return end
  }
}

extension Unicode.Scalar {
  /// Whether `\w` matches: letters, marks, decimal digits, connectors, joiners.
  fileprivate var isWordScalar: Bool {
    if properties.isAlphabetic || properties.isJoinControl { return true }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation:
      return true
    default: return false
    }
  }
}
