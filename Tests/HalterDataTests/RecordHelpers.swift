import Foundation
import HalterJSON
import HalterRandom

@testable import HalterData

/// A directory that goes away with its owner.
final class ScratchFolder {
  let url = FileManager.default.temporaryDirectory
    .appendingPathComponent("halter-data-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// Writes a file; folders on the way are made.
  @discardableResult func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> URL {
    let file = url.appendingPathComponent(name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
    return file
  }

  @discardableResult func write(_ name: String, _ text: String) throws -> URL {
    try write(name, text.utf8)
  }

  /// A path in the folder, called `data/…`, as a source.
  func source(
    _ name: String, format: DataFormat? = nil, layout: String? = nil,
    columns: [String: String] = [:], limit: Int? = nil
  ) -> DataSource {
    DataSource(
      path: name.isEmpty ? url.path : url.path + "/" + name,
      name: name.isEmpty ? "data" : "data/" + name, format: format, layout: layout,
      columns: columns, limit: limit)
  }
}

/// All rows of bytes in a format, under the name `rows`.
func parsed(
  bytes: some Sequence<UInt8>, _ format: DataFormat, chunkSize: Int = 1 << 18,
  limit: Int = ByteWindow.longestRecord
) throws -> [ParsedRow] {
  let folder = try ScratchFolder()
  var window = try ByteWindow(
    url: folder.write("rows", bytes), name: "rows", chunkSize: chunkSize)
  window.limit = limit
  var reader: any RecordReader =
    switch format {
    case .jsonl: JSONLines(window)
    case .json: JSONList(window)
    case .csv: try DelimitedText(window, separator: UInt8(ascii: ","))
    case .tsv: try DelimitedText(window, separator: UInt8(ascii: "\t"))
    case .text, .hdf5: PlainText(window)
    }
  var all: [ParsedRow] = []
  while let record = try reader.next() {
    all.append(ParsedRow(object: try record.object(), location: record.location))
  }
  return all
}

/// All rows of a text in a format.
func parsed(
  _ text: String, _ format: DataFormat, chunkSize: Int = 1 << 18
) throws -> [ParsedRow] {
  try parsed(bytes: text.utf8, format, chunkSize: chunkSize)
}

extension ParsedRow {
  /// The columns that are texts, in order.
  var texts: [String] { object.compactMap(\.value.string) }
}
