import Foundation
import HalterJSON

/// A JSON object from a file, read key by key with errors that name the key.
public struct ConfigFile {
  /// The file, and the keys that lead to this object.
  public let path: String
  private let object: JSONObject

  /// Reads a JSON object.
  /// - Throws: `FormatError` if the file cannot be read or is not a JSON object.
  public init(_ url: URL) throws(FormatError) {
    self = try MappedFile(url).withBytes {
      (bytes: UnsafeRawBufferPointer) throws(FormatError) in
      try ConfigFile(parsing: bytes.bytes, path: url.path)
    }
  }

  /// Reads a JSON object from bytes, which came from `path`.
  /// - Throws: `FormatError` if they are not a JSON object.
  public init(parsing bytes: RawSpan, path: String) throws(FormatError) {
    let json = try bytes.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws(FormatError) in
      try JSONValue(parsing: bytes, path: path)
    }
    guard let object = json.object else {
      throw FormatError(
        .malformed, "is \(json.kindInWords), expected a JSON object",
        mend: "The file may not be a configuration", path: path)
    }
    self.init(path: path, object: object)
  }

  private init(path: String, object: JSONObject) {
    self.path = path
    self.object = object
  }

  /// The keys in the order of the file.
  public var keys: [String] { object.keys }

  /// An integer, nil when the key is absent or null.
  public func integer(_ key: String) throws(FormatError) -> Int? {
    guard let value = present(key) else { return nil }
    guard let whole = whole(value) else { throw wrong(key, value, "a whole number") }
    return whole
  }

  /// A number, nil when the key is absent or null.
  public func number(_ key: String) throws(FormatError) -> Double? {
    guard let value = present(key) else { return nil }
    guard let number = value.double else { throw wrong(key, value, "a number") }
    return number
  }

  /// A Boolean, nil when the key is absent or null.
  public func bool(_ key: String) throws(FormatError) -> Bool? {
    guard let value = present(key) else { return nil }
    guard let bool = value.bool else { throw wrong(key, value, "true or false") }
    return bool
  }

  /// A string, nil when the key is absent or null.
  public func string(_ key: String) throws(FormatError) -> String? {
    guard let value = present(key) else { return nil }
    guard let string = value.string else { throw wrong(key, value, "a string") }
    return string
  }

  /// An object, nil when the key is absent or null.
  public func object(_ key: String) throws(FormatError) -> ConfigFile? {
    guard let value = present(key) else { return nil }
    guard let object = value.object else { throw wrong(key, value, "an object") }
    return ConfigFile(path: "\(path): \(key)", object: object)
  }

  /// Whether the value of a key is a list.
  public func isList(_ key: String) -> Bool { present(key)?.array != nil }

  /// Whether a feature is off: its key absent, null, false, or an empty list or object.
  public func isOff(_ key: String) -> Bool {
    guard let value = present(key) else { return true }
    return value.bool == false || value.array?.isEmpty == true || value.object?.count == 0
  }

  /// One string or a list of them, empty when the key is absent or null.
  public func strings(_ key: String) throws(FormatError) -> [String] {
    try list(key, of: "a string or a list of them", \.string)
  }

  /// One integer or a list of them, empty when the key is absent or null.
  public func integers(_ key: String) throws(FormatError) -> [Int] {
    try list(key, of: "a whole number or a list of them", whole)
  }

  private func list<Element>(
    _ key: String, of expected: String, _ read: (JSONValue) -> Element?
  ) throws(FormatError) -> [Element] {
    guard let value = present(key) else { return [] }
    var elements: [Element] = []
    for item in value.array.map(Array.init) ?? [value] {
      guard let element = read(item) else { throw wrong(key, item, expected) }
      elements.append(element)
    }
    return elements
  }

  /// The value that a mandatory key must have.
  public func require<T>(_ key: String, _ value: T?) throws(FormatError) -> T {
    guard let value else {
      throw FormatError(
        .missing, "has no \"\(key)\"", mend: "The file is not a complete configuration",
        path: path)
    }
    return value
  }

  private func present(_ key: String) -> JSONValue? {
    guard let value = object[key], !value.isNull else { return nil }
    return value
  }

  /// Some tools write whole numbers as `2048.0`.
  private func whole(_ value: JSONValue) -> Int? {
    value.integer ?? value.double.flatMap(Int.init(exactly:))
  }

  private func wrong(_ key: String, _ value: JSONValue, _ expected: String) -> FormatError {
    FormatError(.wrongType, "\"\(key)\" is \(value.excerpt), expected \(expected)", path: path)
  }
}
