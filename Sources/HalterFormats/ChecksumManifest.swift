import Foundation

/// The sizes and SHA-256 sums of the files in a directory, kept in `checksums.json` beside them.
public struct ChecksumManifest: Codable, Equatable, Sendable {
  /// One file.
  public struct Entry: Codable, Equatable, Sendable {
    /// Length in bytes.
    public let size: Int
    /// SHA-256 in lower-case hexadecimal.
    public let sha256: String
  }

  /// The file's name in the directory.
  public static let fileName = "checksums.json"

  /// Files by their path relative to the directory, with `/` between components.
  public let files: [String: Entry]

  /// Sums every file below `directory` and writes the manifest there. Unfinished files and an
  /// older manifest are left out.
  @discardableResult
  public static func write(_ directory: URL) throws(FormatError) -> ChecksumManifest {
    guard let paths = FileManager.default.enumerator(atPath: directory.path) else {
      throw FormatError(.notFound, "cannot list the directory", path: directory.path)
    }
    var files: [String: Entry] = [:]
    while let path = paths.nextObject() as? String {
      let url = directory.appendingPathComponent(path)
      guard paths.fileAttributes?[.type] as? FileAttributeType == .typeRegular,
        path != fileName, !AtomicDirectory.isPartial(url)
      else { continue }
      files[path] = try entry(for: url)
    }
    let manifest = ChecksumManifest(files: files)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let url = directory.appendingPathComponent(fileName)
    do {
      try AtomicWrite.write(try encoder.encode(manifest) + Data("\n".utf8), to: url)
    } catch let error as FormatError {
      throw error
    } catch {
      throw FormatError(.invalidArgument, "cannot write the checksums: \(error)", path: url.path)
    }
    return manifest
  }

  /// Reads the manifest of `directory`.
  /// - Throws: `FormatError` when it is missing or not one.
  public init(reading directory: URL) throws(FormatError) {
    let url = directory.appendingPathComponent(ChecksumManifest.fileName)
    let data = try MappedFile(url).withBytes { Data($0) }
    do {
      self = try JSONDecoder().decode(ChecksumManifest.self, from: data)
    } catch {
      throw FormatError(
        .malformed, "this is not a list of checksums",
        mend: "The directory is damaged; use another checkpoint", path: url.path)
    }
  }

  private init(files: [String: Entry]) {
    self.files = files
  }

  /// Compares every file of `directory` with its manifest.
  /// - Throws: `FormatError` naming the first file, in order of their names, that is missing,
  ///   of another size, or of another content.
  public static func verify(_ directory: URL) throws(FormatError) {
    let manifest = try ChecksumManifest(reading: directory)
    for (path, expected) in manifest.files.sorted(by: { $0.key < $1.key }) {
      let isPlain = !path.hasPrefix("/") && !path.split(separator: "/").contains("..")
      guard isPlain, !path.contains("\0") else {
        throw FormatError(
          .malformed, "the checksums name a file outside the directory", path: directory.path,
          tensor: path)
      }
      let url = directory.appendingPathComponent(path)
      let mend = "The file was damaged or changed; use another checkpoint"
      let found = try entry(for: url)
      guard found.size == expected.size else {
        throw FormatError(
          .mismatch, "the file has \(found.size) bytes; its checksum was made of \(expected.size)",
          mend: mend, path: url.path)
      }
      guard found.sha256 == expected.sha256 else {
        throw FormatError(
          .mismatch,
          "the file's SHA-256 is \(found.sha256); expected "
            + FormatError.shortened(expected.sha256),
          mend: mend, path: url.path)
      }
    }
  }

  /// The size and sum of one file.
  public static func entry(for file: URL) throws(FormatError) -> Entry {
    let (sum, size) = try Checksum.sha256(ofFile: file)
    return Entry(size: size, sha256: sum)
  }
}
