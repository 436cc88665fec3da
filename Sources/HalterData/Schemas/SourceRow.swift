import HalterJSON
import HalterTokenizers

/// A row of a source by its columns: the one way in which layouts look into rows. Every fault
/// names file, line and the path inside the row.
///
/// A file may call its columns otherwise than the layout, and `columns:` in a recipe says how.
/// Layouts know their own names only; messages speak of the file's.
public struct SourceRow: Sendable {
  private let object: JSONObject
  private let names: [String: String]
  private let spellsValues: Bool
  /// Where the row stands.
  public let location: RowLocation

  /// The row that an object holds.
  ///
  /// - Parameters:
  ///   - object: the row as it stands in the file.
  ///   - location: its place.
  ///   - names: the file's names of the layout's columns, where they differ.
  ///   - spellsValues: whether the file can hold texts only, so that a column of numbers or lists
  ///     has texts that spell them.
  public init(
    _ object: JSONObject, at location: RowLocation, names: [String: String] = [:],
    spellsValues: Bool = false
  ) {
    self.object = object
    self.location = location
    self.names = names
    self.spellsValues = spellsValues
  }

  /// The value of a column; nil where it is absent or null.
  public subscript(column: String) -> JSONValue? {
    guard let value = object[name(of: column)], !value.isNull else { return nil }
    guard spellsValues, Self.valueColumns.contains(column), let text = value.string else {
      return value
    }
    if text.isBlank { return nil }
    // What spells no value stays text; the layout says what it expected.
    return Self.value(spelledBy: text) ?? value
  }

  /// The file's name of a column of the layout.
  private func name(of column: String) -> String { names[column] ?? column }

  /// Whether the row has a value in each of some columns.
  public func has(_ columns: String...) -> Bool { columns.allSatisfy { self[$0] != nil } }

  /// The columns in the order of the row.
  public var columns: [String] { object.keys }

  /// The value of a column that must be there.
  func required(_ column: String, by layout: any RowLayout) throws(DataError) -> JSONValue {
    if let value = self[column] { return value }
    let name = name(of: column)
    let state =
      object[name].map { $0.isNull ? "null" : "empty" } ?? "missing"
    let role = name == column ? "" : ", whose `\(column)` it is to be"
    throw DataError(
      .misfit, at: location,
      "the column `\(name)` is \(state): found"
        + " \(Self.list(columns)), expected \(layout.shape) (layout `\(layout.name)`\(role))")
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
    let column = path.prefix { $0 != "." && $0 != "[" }
    let path = name(of: String(column)) + path.dropFirst(column.count)
    return DataError(.misfit, at: location, path: path, message)
  }

  /// The columns of lists, numbers and truth values.
  private static let valueColumns: Set = [
    "messages", "conversations", "history", "tools", "margin", "label", "responses", "scores",
    "chosen_safe", "rejected_safe",
  ]

  private static func value(spelledBy text: String) -> JSONValue? {
    if let value = try? JSONValue(parsing: Array(text.utf8)) { return value }
    // Tables that Python wrote say True and False.
    return try? JSONValue(parsing: Array(text.lowercased().utf8))
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
