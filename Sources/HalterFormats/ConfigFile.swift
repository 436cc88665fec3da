import Foundation

/// A JSON object from a file, read key by key with errors that name the key.
public struct ConfigFile {
  /// The file, and the keys that lead to this object.
  public let path: String
  /// The object as it was read.
  public let values: [String: Any]

  /// Reads a JSON object.
  /// - Throws: `FormatError` if the file cannot be read or is not a JSON object.
  public init(_ url: URL) throws(FormatError) {
    let file = try MappedFile(url)
    let data = file.withBytes { Data($0) }
    guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw FormatError(
        .malformed, "is not a JSON object (\(data.count) bytes)",
        mend: "The file may be cut short, or not be a configuration", path: url.path)
    }
    self.init(path: url.path, values: object)
  }

  private init(path: String, values: [String: Any]) {
    self.path = path
    self.values = values
  }

  /// An integer, nil when the key is absent or null.
  public func integer(_ key: String) throws(FormatError) -> Int? {
    guard let value = present(key) else { return nil }
    guard let number = value as? NSNumber, !isBool(value), let whole = Int(exactly: number) else {
      throw wrong(key, value, "a whole number")
    }
    return whole
  }

  /// A number, nil when the key is absent or null.
  public func number(_ key: String) throws(FormatError) -> Double? {
    guard let value = present(key) else { return nil }
    guard let number = value as? NSNumber, !isBool(value), number.doubleValue.isFinite else {
      throw wrong(key, value, "a number")
    }
    return number.doubleValue
  }

  /// A Boolean, nil when the key is absent or null.
  public func bool(_ key: String) throws(FormatError) -> Bool? {
    guard let value = present(key) else { return nil }
    guard isBool(value), let bool = value as? Bool else { throw wrong(key, value, "true or false") }
    return bool
  }

  /// A string, nil when the key is absent or null.
  public func string(_ key: String) throws(FormatError) -> String? {
    guard let value = present(key) else { return nil }
    guard let string = value as? String else { throw wrong(key, value, "a string") }
    return string
  }

  /// An object, nil when the key is absent or null.
  public func object(_ key: String) throws(FormatError) -> ConfigFile? {
    guard let value = present(key) else { return nil }
    guard let object = value as? [String: Any] else { throw wrong(key, value, "an object") }
    return ConfigFile(path: "\(path): \(key)", values: object)
  }

  /// One integer or a list of them, empty when the key is absent or null.
  public func integers(_ key: String) throws(FormatError) -> [Int] {
    guard let value = present(key) else { return [] }
    let list = value as? [Any] ?? [value]
    var numbers: [Int] = []
    for item in list {
      guard let number = item as? NSNumber, !isBool(item), let whole = Int(exactly: number) else {
        throw wrong(key, value, "a whole number or a list of them")
      }
      numbers.append(whole)
    }
    return numbers
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

  private func present(_ key: String) -> Any? {
    guard let value = values[key], !(value is NSNull) else { return nil }
    return value
  }

  private func wrong(_ key: String, _ value: Any, _ expected: String) -> FormatError {
    FormatError(
      .wrongType, "\"\(key)\" is \(String("\(value)".prefix(60))), expected \(expected)", path: path
    )
  }

  /// JSON numbers and Booleans both arrive as `NSNumber`; only a Boolean has this type code.
  private func isBool(_ value: Any) -> Bool {
    guard let number = value as? NSNumber else { return value is Bool }
    return String(cString: number.objCType) == "c"
  }
}
