import HalterJSON
import HalterTokenizers

/// A row of a source by its columns: the one way in which layouts look into rows. Every fault
/// names file, line and the path inside the row.
public struct SourceRow: Sendable {
  private let object: JSONObject
  /// Where the row stands.
  public let location: RowLocation

  /// The row that an object holds.
  public init(_ object: JSONObject, at location: RowLocation) {
    self.object = object
    self.location = location
  }

  /// The value of a column; nil where it is absent or null.
  public subscript(column: String) -> JSONValue? {
    guard let value = object[column], !value.isNull else { return nil }
    return value
  }

  /// Whether the row has a value in each of some columns.
  public func has(_ columns: String...) -> Bool { columns.allSatisfy { self[$0] != nil } }

  /// The columns in the order of the row.
  public var columns: [String] { object.keys }

  /// The value of a column that must be there.
  func required(_ column: String, by layout: any RowLayout) throws(DataError) -> JSONValue {
    if let value = self[column] { return value }
    let state = object[column] == nil ? "missing" : "null"
    throw DataError(
      .misfit, at: location,
      "the column `\(column)` is \(state): found \(Self.list(columns)), expected \(layout.shape)"
        + " (layout `\(layout.name)`)")
  }

  /// The text of a column that must be there; it may be empty.
  func requiredText(_ column: String, by layout: any RowLayout) throws(DataError) -> String {
    try text(required(column, by: layout), path: column)
  }

  /// The text of a column; nil where it is absent, null or nothing but white space.
  func optionalText(_ column: String) throws(DataError) -> String? {
    guard let value = self[column] else { return nil }
    let text = try text(value, path: column)
    return text.isBlank ? nil : text
  }

  /// Text.
  func text(_ value: JSONValue, path: String) throws(DataError) -> String {
    if let text = value.string { return text }
    throw fault(path, "found \(value.kindInWords), expected text")
  }

  /// The system text in the column `system`, if any, as a message.
  func systemMessage() throws(DataError) -> [Message] {
    try optionalText("system").map { [Message(role: .system, content: $0)] } ?? []
  }

  /// A fault at a path of this row.
  func fault(_ path: String, _ message: String) -> DataError {
    DataError(.misfit, at: location, path: path, message)
  }

  /// Keys for a message.
  static func list(_ keys: [String]) -> String {
    if keys.isEmpty { return "no keys" }
    let shown = keys.prefix(8).map { "`\($0)`" }.joined(separator: ", ")
    return keys.count > 8 ? shown + ", …" : shown
  }
}

extension String {
  /// Whether the text is empty or white space.
  var isBlank: Bool { allSatisfy(\.isWhitespace) }
}
