import Foundation

/// One fault of a recipe: what was found, where, and how to mend it.
public struct RecipeIssue: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of fault it is; a command chooses its exit code by it.
  public enum Kind: Sendable, Equatable {
    /// The text is wrong: its syntax, a key, a value, or a combination of values.
    case invalid
    /// A mandatory key is not given.
    case missingKey
    /// A file that the recipe needs is not there, the recipe file itself included.
    case missingFile
  }

  /// What kind of fault it is.
  public let kind: Kind
  /// The fault and its mend, as a sentence without the place.
  public let message: String
  /// Where the fault is; `nil` when it is in no line, as for a recipe file that cannot be read.
  public let place: RecipePlace?

  init(_ message: String, at place: RecipePlace?, kind: Kind = .invalid) {
    self.kind = kind
    self.message = message
    self.place = place
  }

  /// `file:line:column: message`, the line itself, and a caret under the fault.
  public var description: String {
    guard let place else { return message }
    return "\(place): \(message)\n\(place.snippet)"
  }
}

/// Every fault that was found in a recipe and its overrides, in the order of their places.
public struct RecipeErrors: Error, Sendable, Equatable, CustomStringConvertible {
  /// The faults; never empty.
  public let issues: [RecipeIssue]

  init(_ issues: [RecipeIssue]) {
    var seen: [RecipeIssue] = []
    for issue in issues where !seen.contains(issue) {
      seen.append(issue)
    }
    self.issues = seen.enumerated().sorted { left, right in
      let (first, second) = (Self.rank(left.element), Self.rank(right.element))
      return first == second ? left.offset < right.offset : first.lexicographicallyPrecedes(second)
    }.map(\.element)
  }

  /// True if every fault is a file that is not there (exit code 66 rather than 65).
  public var onlyMissingFiles: Bool {
    issues.allSatisfy { $0.kind == .missingFile }
  }

  /// True if nothing but mandatory keys is missing: a recipe for others to extend.
  public var onlyMissingKeys: Bool {
    issues.allSatisfy { $0.kind == .missingKey }
  }

  /// Each issue as `file:line:column: message` with its line and a caret, one below the other.
  public var description: String {
    issues.map(\.description).joined(separator: "\n")
  }

  /// Faults of the recipe come first, then those of the files it extends and those of arguments,
  /// each from top to bottom.
  private static func rank(_ issue: RecipeIssue) -> [Int] {
    guard let place = issue.place else { return [] }
    switch place.source.kind {
    case .file(_, let order): return [0, order, place.line, place.column]
    case .argument(let index, _): return [1, index, place.line, place.column]
    }
  }
}
