import Foundation
import HalterFormats

/// Standard input as a source of rows.
///
/// Rows are read more than once, to learn and to count, and standard input comes only once: it is
/// copied into a file first, which is called after its content.
public enum StandardInput {
  /// How messages call it.
  public static let name = "standard input"
  private static let prefix = "stdin-"
  private static let secondsKept = 7.0 * 24 * 3600

  /// Copies standard input to a file.
  ///
  /// Copies of earlier runs that are older than a week are removed.
  ///
  /// - Parameter folder: where the copy goes; it is made if need be.
  /// - Returns: the copy, the same for the same content.
  /// - Throws: `DataError` when standard input is a terminal or empty, and when it cannot be copied.
  public static func spool(into folder: URL) throws(DataError) -> URL {
    if isatty(FileHandle.standardInput.fileDescriptor) != 0 {
      throw DataError(
        .missingFile,
        "the recipe reads rows from here (`-`), and it is a terminal; redirect a file or a pipe"
          + " into the command", file: name)
    }
    return try spool(FileHandle.standardInput, into: folder)
  }

  static func spool(_ input: FileHandle, into folder: URL) throws(DataError) -> URL {
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw DataError(.unreadable, "cannot be copied to \(folder.path)", file: name)
    }
    removeOld(in: folder)
    do throws(FormatError) {
      let incoming = folder.appendingPathComponent("\(prefix)\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: incoming) }
      try copy(input, to: incoming)
      let (sum, size) = try Checksum.sha256(ofFile: incoming)
      guard size > 0 else {
        throw FormatError(.missing, "nothing came from it: expected rows")
      }
      let file = folder.appendingPathComponent(prefix + sum)
      // What is there already has the same content, so that one that cannot be replaced serves.
      try? FileManager.default.removeItem(at: file)
      try? FileManager.default.moveItem(at: incoming, to: file)
      return file
    } catch {
      throw DataError(error, file: name)
    }
  }

  private static func copy(_ input: FileHandle, to file: URL) throws(FormatError) {
    try AtomicWrite.stream(to: file) { (output: OutputFile) throws(FormatError) in
      while true {
        let data: Data?
        do {
          data = try input.read(upToCount: 1 << 20)
        } catch {
          throw FormatError(.io, "reading stopped: \(error.localizedDescription)")
        }
        guard let data, !data.isEmpty else { return }
        try output.write(data)
      }
    }
  }

  private static func removeOld(in folder: URL) {
    let files =
      (try? FileManager.default.contentsOfDirectory(
        at: folder, includingPropertiesForKeys: [.contentModificationDateKey])) ?? []
    for file in files where file.lastPathComponent.hasPrefix(prefix) {
      let values = try? file.resourceValues(forKeys: [.contentModificationDateKey])
      if let date = values?.contentModificationDate, -date.timeIntervalSinceNow > secondsKept {
        try? FileManager.default.removeItem(at: file)
      }
    }
  }
}
