import Foundation

/// Where the sources of this package are.
enum Repository {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The directory of the tiny model: a configuration and a tokenizer, no weights.
  static let tiny = root.appending(path: "recipes/tiny")
}
