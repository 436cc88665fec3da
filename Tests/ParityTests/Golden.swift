import Foundation
import HalterFormats
import Testing

/// Golden values from disk and comparisons with them.
struct Golden {
  let file: SafetensorsFile

  /// A safetensors file among the fixtures, by its path below them.
  init(_ path: String) throws {
    file = try SafetensorsFile(Golden.url(path))
  }

  /// A file or directory among the fixtures.
  static func url(_ path: String) -> URL {
    Bundle.module.bundleURL.appending(path: "Fixtures/\(path)")
  }

  /// A JSON object among the fixtures.
  static func json(_ path: String) throws -> [String: Any] {
    let data = try Data(contentsOf: url(path))
    return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  func shape(_ name: String) throws -> [Int] { try file.require(name).shape }

  func floats(_ name: String) throws -> [Float] { try file.floats(of: file.require(name)) }

  func integers(_ name: String) throws -> [Int32] {
    let record = try file.require(name)
    try #require(record.type == .i32)
    return file.withBytes(of: record) { bytes in
      (0..<record.elementCount).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self) }
    }
  }
}

/// Expects two arrays to agree element by element: |a - b| <= absolute + relative · |b|.
func expectClose(
  _ actual: [Float], _ expected: [Float], absolute: Float = 0, relative: Float = 0,
  _ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(actual.count == expected.count, "\(comment) count", sourceLocation: sourceLocation)
  guard actual.count == expected.count else { return }
  var worst = (index: -1, excess: Float(0))
  for index in actual.indices {
    let excess = abs(actual[index] - expected[index]) - absolute - relative * abs(expected[index])
    // A NaN fails too.
    if !(excess <= worst.excess) { worst = (index, excess.isNaN ? .infinity : excess) }
  }
  if worst.index >= 0 {
    Issue.record(
      "\(comment) element \(worst.index): \(actual[worst.index]), expected \(expected[worst.index])",
      sourceLocation: sourceLocation)
  }
}
