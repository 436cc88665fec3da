import HalterJSON

/// A value in a tokenizer file with the path that led to it: errors name the path.
struct JSONView {
  let value: JSONValue
  let path: String

  init(_ value: JSONValue, path: String = "$") {
    self.value = value
    self.path = path
  }

  /// Reads the text of a whole file.
  init(parsing bytes: [UInt8]) throws(TokenizerError) {
    do {
      self.init(try JSONValue(parsing: bytes))
    } catch {
      throw TokenizerError(
        .malformed, error.message, at: "byte \(error.offset)", mend: "fetch the file again")
    }
  }

  func error(_ what: String) -> TokenizerError {
    TokenizerError(.malformed, what, at: path)
  }

  func object() throws(TokenizerError) -> JSONObject {
    guard let object = value.object else { throw error("expected an object") }
    return object
  }

  func array() throws(TokenizerError) -> JSONArray {
    guard let array = value.array else { throw error("expected an array") }
    return array
  }

  /// The elements of an array, each with its path.
  func elements() throws(TokenizerError) -> [JSONView] {
    try array().enumerated().map { JSONView($1, path: "\(path)[\($0)]") }
  }

  /// The member `key` of an object; nil if it is absent or null.
  func member(_ key: String) throws(TokenizerError) -> JSONView? {
    guard let value = try object()[key], !value.isNull else { return nil }
    return JSONView(value, path: "\(path).\(key)")
  }

  func string() throws(TokenizerError) -> String {
    guard let string = value.string else { throw error("expected a string") }
    return string
  }

  func integer() throws(TokenizerError) -> Int {
    guard let integer = value.integer else { throw error("expected a whole number") }
    return integer
  }

  func bool() throws(TokenizerError) -> Bool {
    guard let bool = value.bool else { throw error("expected true or false") }
    return bool
  }

  func string(_ key: String) throws(TokenizerError) -> String? {
    try member(key)?.string()
  }

  func bool(_ key: String, default value: Bool) throws(TokenizerError) -> Bool {
    try member(key)?.bool() ?? value
  }

  /// The member `key`, which must be there.
  func required(_ key: String) throws(TokenizerError) -> JSONView {
    guard let value = try member(key) else { throw error("\"\(key)\" is missing") }
    return value
  }
}
