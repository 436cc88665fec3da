import Foundation

/// What a cached model consists of; stored beside its files as `halter-model.json`.
public struct ModelManifest: Sendable, Equatable, Codable {
  /// One file of the model.
  public struct File: Sendable, Equatable, Codable {
    /// Name inside the model's directory.
    public let path: String
    /// Size in bytes.
    public let size: Int64
    /// SHA-256, 64 lower-case hexadecimal digits.
    public let sha256: String
  }

  /// Where it came from: `hf:OWNER/NAME` or `pypi:DISTRIBUTION==VERSION`.
  public let source: String
  /// The commit on the Hub, or the version on the package index.
  public let revision: String
  /// Every file of the model.
  public let files: [File]
  /// When it was complete.
  public let pulledAt: Date

  /// The manifest's own file name.
  public static let fileName = "halter-model.json"

  /// Bytes of all files together.
  public var totalSize: Int64 { files.reduce(0) { $0 + $1.size } }

  private enum CodingKeys: String, CodingKey {
    case source, revision, files
    case pulledAt = "pulled_at"
  }

  /// Reads the manifest of a model directory.
  ///
  /// - Throws: `HubError` of code `corrupt` when it is missing, unreadable or names a file outside
  ///   of the directory.
  static func read(in directory: URL) throws(HubError) -> ModelManifest {
    let url = directory.appendingPathComponent(fileName)
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    guard let data = try? Data(contentsOf: url),
      let manifest = try? decoder.decode(ModelManifest.self, from: data)
    else {
      throw HubError(.corrupt, "\(url.path) is missing or not a model manifest")
    }
    for file in manifest.files {
      guard SafeName.isComponent(file.path), (0...(1 << 44)).contains(file.size) else {
        throw HubError(.corrupt, "\(url.path) names an impossible file '\(file.path)'")
      }
    }
    guard !manifest.files.isEmpty else { throw HubError(.corrupt, "\(url.path) names no file") }
    return manifest
  }

  /// The manifest as the bytes of its file.
  func encoded() throws(HubError) -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    do {
      return try encoder.encode(self) + Data("\n".utf8)
    } catch {
      throw HubError(.io, "cannot encode \(Self.fileName): \(error)")
    }
  }
}
