import Foundation

/// Ways to spoil a file.
enum Tampering {
  /// Keeps the first bytes only.
  static func cut(_ url: URL, to count: Int) throws {
    try Data(contentsOf: url).prefix(count).write(to: url)
  }

  /// Replaces the last four bytes, which are the last value of a safetensors file of floats.
  static func setLastFloat(of url: URL, to value: Float) throws {
    var data = try Data(contentsOf: url)
    let bits = value.bitPattern
    data.replaceSubrange(
      (data.count - 4)..<data.count,
      with: [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: bits >> $0) })
    try data.write(to: url)
  }

  /// Replaces text in a file; there must be some to replace.
  static func replace(_ old: String, by new: String, in url: URL) throws {
    let text = try String(contentsOf: url, encoding: .utf8)
    struct NotThere: Error { let text: String }
    guard text.contains(old) else { throw NotThere(text: old) }
    try Data(text.replacingOccurrences(of: old, with: new).utf8).write(to: url)
  }
}
