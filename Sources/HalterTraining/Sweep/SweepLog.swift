import Foundation
import HalterFormats

/// The files of a sweep beside the directories of its runs.
public enum SweepLog {
  /// A line for each run that has ended.
  public static let entries = "sweep.jsonl"
  /// The comparison as a page.
  public static let report = "sweep.html"

  /// Writes the entries of a sweep and the page that compares them.
  /// - Throws: `FormatError` if a file cannot be written.
  public static func write(_ sweep: [SweepEntry], title: String, to directory: URL) throws {
    let lines = try sweep.map(line).joined()
    try AtomicWrite.write(lines, to: directory.appendingPathComponent(entries))
    let page = SweepReport(name: directory.lastPathComponent, title: title, entries: sweep).page
    try AtomicWrite.write(page, to: directory.appendingPathComponent(report))
  }

  /// An entry as a line of JSON.
  public static func line(_ entry: SweepEntry) throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(entry), as: UTF8.self) + "\n"
  }

  /// Reads the entries of a sweep.
  /// - Throws: `FormatError` if the directory is none of a sweep, or a line cannot be read.
  public static func read(_ directory: URL) throws(FormatError) -> [SweepEntry] {
    let url = directory.appendingPathComponent(entries)
    guard let data = try RunFiles.contents(of: url) else {
      throw FormatError(
        .notFound, "is not the directory of a sweep (it holds no \(entries))",
        mend: "Give the directory that `halter sweep` printed", path: directory.path)
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    var sweep: [SweepEntry] = []
    for (index, line) in data.split(separator: 0x0A).enumerated() {
      do {
        sweep.append(try decoder.decode(SweepEntry.self, from: line))
      } catch {
        throw FormatError(
          .malformed, "line \(index + 1) cannot be read: \(RunFiles.reason(error))",
          mend: "The file was changed or damaged; remove that line, and its run is done again",
          path: url.path)
      }
    }
    return sweep
  }
}
