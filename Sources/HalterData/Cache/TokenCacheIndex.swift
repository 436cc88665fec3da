import Foundation
import HalterFormats

/// Remembers the key that each subject had the last time, so that a message can say what changed.
/// Nothing else depends on it: what cannot be read or written is as good as absent.
struct TokenCacheIndex {
  private struct Entry: Codable {
    var subject: String
    var key: TokenCacheKey
  }

  private let directory: URL

  init(directory: URL) {
    self.directory = directory.appendingPathComponent("index")
  }

  /// The key of a subject the last time.
  func key(of subject: String) -> TokenCacheKey? {
    guard let data = try? Data(contentsOf: file(of: subject)),
      let entry = try? JSONDecoder().decode(Entry.self, from: data), entry.subject == subject
    else { return nil }
    return entry.key
  }

  /// Notes the key that a subject has now.
  func note(_ key: TokenCacheKey, for subject: String) {
    guard self.key(of: subject) != key else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(Entry(subject: subject, key: key)) else { return }
    try? AtomicDirectory.makeDirectory(directory)
    try? AtomicWrite.write(data, to: file(of: subject))
  }

  private func file(of subject: String) -> URL {
    let name = Checksum.sha256(of: subject.utf8).prefix(16)
    return directory.appendingPathComponent(name + ".json")
  }
}
