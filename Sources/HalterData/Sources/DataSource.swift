import Foundation

/// A source of rows as a recipe names it.
public struct DataSource: Sendable, Equatable {
  /// Where the rows are: a file, a directory, or a pattern of files such as `/data/*.jsonl`.
  public let path: String
  /// How messages call it: the path as the user wrote it.
  public let name: String
  /// How its files are written; nil to tell it of each from its name and its first bytes.
  public let format: DataFormat?
  /// The layout of its rows; nil to find it from the first row.
  public let layout: String?
  /// The file's names of the layout's columns, where they differ.
  public let columns: [String: String]
  /// At most so many rows from the start of the file; nil for all.
  public let limit: Int?

  /// A source of rows.
  ///
  /// - Parameters:
  ///   - path: an absolute path of a file or a directory, or a pattern of such.
  ///   - name: how messages call it; the path where nil.
  ///   - format: how its files are written; nil to tell it.
  ///   - layout: the layout of its rows; nil or `auto` to find it.
  ///   - columns: the file's names of the layout's columns, where they differ.
  ///   - limit: at most so many rows; nil for all.
  public init(
    path: String, name: String? = nil, format: DataFormat? = nil, layout: String? = nil,
    columns: [String: String] = [:], limit: Int? = nil
  ) {
    self.path = path
    self.name = name ?? path
    self.format = format
    self.layout = layout == "auto" ? nil : layout
    self.columns = columns
    self.limit = limit
  }

  /// The files of the source, in the order in which their rows are read.
  ///
  /// - Throws: `DataError` when there is no such file or none that matches.
  public func files() throws(DataError) -> [SourceFile] {
    try SourceFile.find(path, name: name, isText: format == .text)
  }

  /// All but the content that the rows of the source follow from.
  struct Settings: Encodable {
    var name: String
    var format: String?
    var layout: String?
    var columns: [String: String]
    var limit: Int?
  }

  var settings: Settings {
    Settings(
      name: name, format: format?.rawValue, layout: layout, columns: columns, limit: limit)
  }
}
