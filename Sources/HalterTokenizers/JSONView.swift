/// A node of a `JSONTape` with the path that led to it, for the small parts of a file.
struct JSONView {
  let tape: JSONTape
  let node: Int
  let path: String

  init(_ tape: JSONTape, node: Int = 0, path: String = "$") {
    self.tape = tape
    self.node = node
    self.path = path
  }

  var isNull: Bool { tape.kind(node) == .null }

  func error(_ what: String) -> TokenizerError {
    TokenizerError(.malformed, what, at: path)
  }

  /// The members of an object in the order of the file.
  func members() throws(TokenizerError) -> [(key: String, value: JSONView)] {
    guard tape.kind(node) == .object else { throw error("expected an object") }
    var out: [(key: String, value: JSONView)] = []
    var at = node + 1
    while at < tape.next(node) {
      let key = try tape.string(at)
      out.append((key, JSONView(tape, node: at + 1, path: "\(path).\(key)")))
      at = tape.next(at + 1)
    }
    return out
  }

  func elements() throws(TokenizerError) -> [JSONView] {
    guard tape.kind(node) == .array else { throw error("expected an array") }
    var out: [JSONView] = []
    var at = node + 1
    while at < tape.next(node) {
      out.append(JSONView(tape, node: at, path: "\(path)[\(out.count)]"))
      at = tape.next(at)
    }
    return out
  }

  /// The member `key` of an object; nil if it is absent or null. The first of equal keys counts.
  func member(_ key: String) throws(TokenizerError) -> JSONView? {
    guard tape.kind(node) == .object else { throw error("expected an object") }
    var at = node + 1
    while at < tape.next(node) {
      let value = JSONView(tape, node: at + 1, path: "\(path).\(key)")
      if try tape.string(at) == key { return value.isNull ? nil : value }
      at = tape.next(at + 1)
    }
    return nil
  }

  func string() throws(TokenizerError) -> String {
    guard tape.kind(node) == .string else { throw error("expected a string") }
    return try tape.string(node)
  }

  func integer() throws(TokenizerError) -> Int {
    guard let value = tape.integer(node) else { throw error("expected a whole number") }
    return value
  }

  func bool() throws(TokenizerError) -> Bool {
    switch tape.kind(node) {
    case .true_: return true
    case .false_: return false
    default: throw error("expected true or false")
    }
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
