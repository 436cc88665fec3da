import Foundation
import HalterData
import HalterFormats
import HalterJSON

/// Writes rows of any layout as JSON Lines of another.
public struct ConvertJob {
  private let source: DataSource
  private let writer: LayoutWriter

  /// A conversion of a source.
  public init(_ source: DataSource, writer: LayoutWriter) {
    self.source = source
    self.writer = writer
  }

  /// Writes the file as a whole, or not at all.
  /// - Returns: the layout that was read, and how many rows were read and written.
  /// - Throws: `DataError` naming the first row that cannot be read or does not fit, and
  ///   `FormatError` if the file exists or cannot be written.
  public func run(to url: URL) throws -> (layout: String, read: Int, written: Int) {
    var examples = try ExampleReader(source)
    var (read, written) = (0, 0)
    try AtomicWrite.stream(to: url, overwrite: false) { file in
      while let example = try examples.next() {
        read += 1
        for row in try writer.rows(for: example) {
          try file.write(Data((row.text + "\n").utf8))
          written += 1
        }
      }
    }
    return (examples.layout.name, read, written)
  }
}
