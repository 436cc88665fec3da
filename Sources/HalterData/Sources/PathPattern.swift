import Foundation

/// A pattern of files: `*` and `?` stand for any characters and one within a name, `[a-z]` for one
/// of a set, and `**` for any number of directories.
///
/// Names that begin with a dot are matched only where the pattern says the dot.
struct PathPattern {
  private static let special: Set<Character> = ["*", "?", "["]

  /// The directory that the pattern begins in: what stands before its first special character.
  let folder: String
  private let parts: [[UInt8]]

  /// A pattern; nil for a path without a special character.
  init?(_ path: String) {
    let names = path.split(separator: "/", omittingEmptySubsequences: false)
    guard let first = names.firstIndex(where: { $0.contains(where: Self.special.contains) }) else {
      return nil
    }
    let folder = names[..<first].joined(separator: "/")
    self.folder = folder.isEmpty && first > 0 ? "/" : folder
    parts = names[first...].map { Array($0.utf8) }
  }

  /// The files that match, as paths from `folder`, sorted; links are followed to files only, so
  /// that no walk is without end.
  func files() -> [String] {
    var found: Set<String> = []
    walk("", parts[...], into: &found)
    return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private func walk(_ path: String, _ parts: ArraySlice<[UInt8]>, into found: inout Set<String>) {
    guard let part = parts.first else { return }
    let isDeep = part.elementsEqual("**".utf8)
    let rest = parts.dropFirst()
    // `**` alone at the end means every file below.
    if isDeep, !rest.isEmpty { walk(path, rest, into: &found) }
    for name in names(in: path) where isDeep || Self.matches(Array(name.utf8)[...], part[...]) {
      if isDeep, name.hasPrefix(".") { continue }
      let place = path.isEmpty ? name : path + "/" + name
      let kind = kind(of: place)
      if kind == .directory {
        walk(place, isDeep ? parts : rest, into: &found)
      } else if kind == .file, rest.isEmpty {
        found.insert(place)
      }
    }
  }

  private enum Kind { case file, directory, other }

  private func url(_ path: String) -> URL {
    URL(fileURLWithPath: folder.isEmpty ? "." : folder).appendingPathComponent(path)
  }

  private func names(in path: String) -> [String] {
    let place = path.isEmpty ? url(".") : url(path)
    return (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
  }

  private func kind(of path: String) -> Kind {
    let keys: Set<URLResourceKey> = [.isDirectoryKey, .isRegularFileKey]
    guard let values = try? url(path).resourceValues(forKeys: keys) else { return .other }
    if values.isDirectory == true { return .directory }
    if values.isRegularFile == true { return .file }
    let target = try? url(path).resolvingSymlinksInPath().resourceValues(forKeys: keys)
    return target?.isRegularFile == true ? .file : .other
  }

  /// Whether a name matches one part of a pattern.
  static func matches(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
    if name.first == UInt8(ascii: "."), pattern.first != UInt8(ascii: ".") { return false }
    return matchesTail(name, pattern)
  }

  /// Goes through both at once; after a mismatch the last `*` takes a byte more.
  private static func matchesTail(
    _ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>
  ) -> Bool {
    var (name, pattern) = (name, pattern)
    var retry: (name: ArraySlice<UInt8>, pattern: ArraySlice<UInt8>)?
    while true {
      if pattern.first == UInt8(ascii: "*") {
        pattern = pattern.dropFirst()
        retry = (name, pattern)
        continue
      }
      if name.isEmpty, pattern.isEmpty { return true }
      if let step = step(name, pattern) {
        name = name.dropFirst(step.name)
        pattern = pattern.dropFirst(step.pattern)
        continue
      }
      guard let last = retry, !last.name.isEmpty else { return false }
      name = last.name.dropFirst()
      pattern = last.pattern
      retry = (name, pattern)
    }
  }

  /// How many bytes one step takes of both; nil where they differ.
  private static func step(
    _ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>
  ) -> (name: Int, pattern: Int)? {
    guard let byte = name.first, let wanted = pattern.first else { return nil }
    switch wanted {
    case UInt8(ascii: "?"): return (width(of: name), 1)
    case UInt8(ascii: "["):
      guard let set = ByteSet(pattern) else { return byte == wanted ? (1, 1) : nil }
      return set.contains(byte) ? (1, set.length) : nil
    default: return byte == wanted ? (1, 1) : nil
    }
  }

  /// The bytes of the first character.
  private static func width(of name: ArraySlice<UInt8>) -> Int {
    1 + name.dropFirst().prefix { $0 & 0xC0 == 0x80 }.count
  }
}

/// A set of characters in brackets, `[abc]`, `[a-z]` or `[!abc]`.
private struct ByteSet {
  /// The bytes of the set in the pattern, with its brackets.
  let length: Int
  private let ranges: [ClosedRange<UInt8>]
  private let isNegated: Bool

  /// The set at the start of a pattern; nil where the bracket is not closed.
  init?(_ pattern: ArraySlice<UInt8>) {
    var rest = pattern.dropFirst()
    isNegated = rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^")
    if isNegated { rest = rest.dropFirst() }
    // A bracket that comes first is a member.
    guard let close = rest.dropFirst().firstIndex(of: UInt8(ascii: "]")) else { return nil }
    length = close + 1 - pattern.startIndex
    var members = rest[..<close]
    var ranges: [ClosedRange<UInt8>] = []
    while let low = members.popFirst() {
      if members.count >= 2, members.first == UInt8(ascii: "-") {
        members = members.dropFirst()
        if let high = members.popFirst(), low <= high { ranges.append(low...high) }
      } else {
        ranges.append(low...low)
      }
    }
    self.ranges = ranges
  }

  func contains(_ byte: UInt8) -> Bool {
    ranges.contains { $0.contains(byte) } != isNegated
  }
}
