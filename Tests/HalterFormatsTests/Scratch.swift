import Foundation
import Testing

@testable import HalterFormats

/// A directory that exists while `body` runs.
func withScratch<R>(_ body: (URL) throws -> R) throws -> R {
  let url = FileManager.default.temporaryDirectory
    .appendingPathComponent("halter-formats-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url)
}

/// A golden file made by `Tests/Parity/formats.py`.
func fixture(_ name: String) throws -> URL {
  try #require(Bundle.module.resourceURL)
    .appendingPathComponent("Fixtures").appendingPathComponent(name)
}

/// The `FormatError` that `body` throws; recorded as a failure when it throws none.
func formatError(_ body: () throws -> Void) throws -> FormatError {
  let error = #expect(throws: FormatError.self) { try body() }
  return try #require(error)
}

/// The names in a directory, hidden ones too.
func names(in directory: URL) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
}

extension WeightFile {
  /// The numbers of a tensor, read from possibly unaligned bytes.
  func numbers<T: BitwiseCopyable>(_ name: String, as type: T.Type) throws -> [T] {
    let record = try require(name)
    return withBytes(of: record) { bytes in
      (0..<bytes.count / MemoryLayout<T>.size).map {
        bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self)
      }
    }
  }
}
