import Foundation
import HalterFormats

/// The content of some sources at one moment: its checksums, and whether it is still the same.
struct SourceContent {
  /// What tells without reading it that a file is not what it was.
  private struct Stamp: Equatable {
    let size: Int?
    let modified: Date?
    let identifier: UInt64?

    init(_ url: URL) {
      let attributes = try? FileManager.default.attributesOfItem(
        atPath: url.resolvingSymlinksInPath().path)
      size = (attributes?[.size] as? NSNumber)?.intValue
      modified = attributes?[.modificationDate] as? Date
      identifier = (attributes?[.systemFileNumber] as? NSNumber)?.uint64Value
    }
  }

  /// The sources, each with the SHA-256 of its bytes; of several files, that of their names and
  /// sums.
  let sources: [(source: DataSource, sha256: String)]
  private let files: [(file: SourceFile, stamp: Stamp)]

  /// Reads every byte of some sources.
  /// - Parameter progress: called now and then; what it throws ends the reading.
  /// - Throws: `DataError` when a file cannot be read, and what `progress` throws.
  init(of sources: [DataSource], progress: (PreparationProgress) throws -> Void) throws {
    let found = try sources.map { source in try source.files() }
    files = found.joined().map { ($0, Stamp($0.url)) }
    var state = PreparationProgress(
      phase: .checking, bytesDone: 0, bytesTotal: files.reduce(0) { $0 + ($1.stamp.size ?? 0) },
      rows: 0)
    try progress(state)
    var sums: [(source: DataSource, sha256: String)] = []
    for (source, files) in zip(sources, found) {
      var parts: [(name: String, sum: String)] = []
      for file in files {
        let before = state.bytesDone
        let checksum = try Self.named(file) { () throws(FormatError) in try FileChecksum(file.url) }
        while try Self.named(file, { () throws(FormatError) in try checksum.advance() }) {
          state.bytesDone = min(before + checksum.size, state.bytesTotal)
          try progress(state)
        }
        parts.append((file.name, checksum.sum))
      }
      let text = parts.map { "\($0.sum)  \($0.name)\n" }.joined()
      sums.append((source, parts.count == 1 ? parts[0].sum : Checksum.sha256(of: text.utf8)))
    }
    self.sources = sums
  }

  /// Checks that nothing was changed since the checksums were taken.
  /// - Throws: `DataError` naming the file that was.
  func checkUnchanged() throws(DataError) {
    for (file, stamp) in files where stamp != Stamp(file.url) {
      throw DataError(
        .unreadable,
        "the file was changed while it was being read; run the command again when it is complete",
        file: file.name)
    }
  }

  /// Gives an error the name that the user knows.
  private static func named<R>(
    _ file: SourceFile, _ body: () throws(FormatError) -> R
  ) throws(DataError) -> R {
    do throws(FormatError) {
      return try body()
    } catch {
      throw DataError(error, file: file.name)
    }
  }
}
