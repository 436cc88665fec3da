/// A JSON value as it stands in a row.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  /// The kind of value in words for messages: `a number`, `text`, `a list`.
  public var kindInWords: String {
    switch self {
    case .null: "null"
    case .bool: "true or false"
    case .number: "a number"
    case .string: "text"
    case .array: "a list"
    case .object: "an object"
    }
  }
}

/// A JSON object with its keys in file order. Rows have a handful of keys, so a lookup is a walk.
public struct JSONObject: Sendable, Equatable {
  /// One key and its value.
  public struct Member: Sendable, Equatable {
    /// The key.
    public let key: String
    /// The value.
    public let value: JSONValue
  }

  /// Keys and values in file order; no key stands twice.
  public let members: [Member]

  init(members: [Member]) {
    self.members = members
  }

  /// The keys in file order.
  public var keys: [String] { members.map(\.key) }

  /// The value of a key, or nil.
  public subscript(key: String) -> JSONValue? {
    members.first { $0.key == key }?.value
  }
}
