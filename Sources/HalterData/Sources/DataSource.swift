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
  /// The part of the rows that is taken, by what they say.
  public let part: RowPart
  /// At most so many rows of the part, from the start; nil for all.
  public let limit: Int?
  /// How often an epoch draws each row: 0.5 half of the rows, 2 each row twice.
  public let weight: Double
  /// The share of an epoch's rows that come from this source; nil to go by the weight.
  public let share: Double?

  /// A source of rows.
  ///
  /// - Parameters:
  ///   - path: an absolute path of a file or a directory, or a pattern of such.
  ///   - name: how messages call it; the path where nil.
  ///   - format: how its files are written; nil to tell it.
  ///   - layout: the layout of its rows; nil or `auto` to find it.
  ///   - columns: the file's names of the layout's columns, where they differ.
  ///   - part: the part of the rows that is taken.
  ///   - limit: at most so many rows of the part; nil for all.
  ///   - weight: how often an epoch draws each row.
  ///   - share: the share of an epoch's rows that are to come from here; nil to go by the weight.
  public init(
    path: String, name: String? = nil, format: DataFormat? = nil, layout: String? = nil,
    columns: [String: String] = [:], part: RowPart = .all, limit: Int? = nil, weight: Double = 1,
    share: Double? = nil
  ) {
    self.path = path
    self.name = name ?? path
    self.format = format
    self.layout = layout == "auto" ? nil : layout
    self.columns = columns
    self.part = part
    self.limit = limit
    self.weight = weight
    self.share = share
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
    var part: RowPart
    var limit: Int?
  }

  var settings: Settings {
    Settings(
      name: name, format: format?.rawValue, layout: layout, columns: columns, part: part,
      limit: limit)
  }
}
