import Foundation
import HalterData
import HalterJSON
import HalterTokenizers

/// A temporary file that goes away with its owner.
final class ScratchFile {
  let url: URL

  init(_ bytes: some Sequence<UInt8>) throws {
    url = FileManager.default.temporaryDirectory
      .appendingPathComponent("halter-data-\(UUID().uuidString).jsonl")
    try Data(bytes).write(to: url)
  }

  convenience init(_ text: String) throws {
    try self.init(text.utf8)
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  /// The file as a source called `rows.jsonl`.
  func source(
    layout: String? = nil, columns: [String: String] = [:], limit: Int? = nil
  ) -> DataSource {
    DataSource(
      path: url.path, name: "rows.jsonl", layout: layout, columns: columns, limit: limit)
  }
}

/// A parsed row and its place.
struct ParsedRow {
  let object: JSONObject
  let location: RowLocation
}

/// All JSON rows of some text.
func rows(_ text: String, chunkSize: Int = 1 << 18) throws -> [ParsedRow] {
  try rows(bytes: Array(text.utf8), chunkSize: chunkSize)
}

/// All JSON rows of some bytes.
func rows(bytes: [UInt8], chunkSize: Int = 1 << 18) throws -> [ParsedRow] {
  let file = try ScratchFile(bytes)
  var lines = try JSONLines(url: file.url, name: "rows.jsonl", chunkSize: chunkSize)
  var rows: [ParsedRow] = []
  while let record = try lines.next() {
    rows.append(
      ParsedRow(object: try record.object(), location: record.location))
  }
  return rows
}

/// All examples of a source.
func examples(_ source: DataSource) throws -> [Example] {
  var reader = try SourceReader(source)
  var all: [Example] = []
  while let record = try reader.next() { all.append(try reader.decoder.example(from: record)) }
  return all
}

/// All conversations of some text.
func conversations(_ text: String, layout: String? = nil) throws -> [Conversation] {
  let file = try ScratchFile(text)
  return try examples(file.source(layout: layout)).compactMap { example in
    if case .conversation(let conversation) = example { return conversation }
    return nil
  }
}

/// What a call throws, in words; empty when it throws nothing.
func complaint<T>(_ body: () throws -> T) -> String {
  do {
    _ = try body()
    return ""
  } catch {
    return "\(error)"
  }
}

/// A conversation from role and content pairs.
func conversation(_ pairs: (Message.Role, String)..., firstTrained: Int = 0) -> Conversation {
  Conversation(
    messages: pairs.map { Message(role: $0.0, content: $0.1) }, firstTrained: firstTrained,
    location: RowLocation(file: "rows.jsonl", line: 1))
}

/// Resident memory of this process in MB; 0 where the system has no /proc.
func residentMegabytes() throws -> Int {
  guard let pages = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
    return 0
  }
  let resident = pages.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
  return resident * 4096 >> 20
}
