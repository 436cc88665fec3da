import Foundation

/// A source of rows as a recipe names it.
public struct DataSource: Sendable, Equatable {
  /// The file.
  public let url: URL
  /// How messages call it.
  public let name: String
  /// The layout of its rows; nil to find it from the first row.
  public let layout: String?
  /// At most so many rows from the start of the file; nil for all.
  public let limit: Int?

  /// A file of rows; `name` is how messages call it, the path where nil.
  public init(url: URL, name: String? = nil, layout: String? = nil, limit: Int? = nil) {
    self.url = url
    self.name = name ?? url.path
    self.layout = layout == "auto" ? nil : layout
    self.limit = limit
  }

  /// All but the content that the rows of the source follow from.
  struct Settings: Encodable {
    var name: String
    var layout: String?
    var limit: Int?
  }

  var settings: Settings { Settings(name: name, layout: layout, limit: limit) }
}
