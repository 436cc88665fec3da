import HalterJSON

/// Builds one JSON object on one line, keys in the order they are given.
///
/// The result is valid JSON whatever the values are: a number that is not finite becomes `null`.
struct JSONLine {
  private var body = ""

  mutating func add(_ key: String, _ value: String) {
    open(key)
    body += JSONOutput.quoted(value)
  }

  mutating func add(_ key: String, _ value: Int) {
    open(key)
    body += String(value)
  }

  mutating func add(_ key: String, _ value: Bool) {
    open(key)
    body += value ? "true" : "false"
  }

  /// Writes the shortest digits that read back as the same number.
  mutating func add(_ key: String, _ value: Double) {
    open(key)
    body += value.isFinite ? value.description : "null"
  }

  /// Adds a value that is JSON already, on one line.
  mutating func add(_ key: String, json: String) {
    open(key)
    body += json
  }

  /// The object and a line break.
  var text: String { "{" + body + "}\n" }

  private mutating func open(_ key: String) {
    if !body.isEmpty { body += ", " }
    body += JSONOutput.quoted(key) + ": "
  }
}
