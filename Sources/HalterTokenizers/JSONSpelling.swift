import HalterJSON

/// JSON as chat templates write it: the spelling of Python's `json.dumps(…, ensure_ascii=False)`,
/// which is what the `tojson` filter of the transformers library gives. Keys keep their order.
enum JSONSpelling {
  /// On one line, with a space after each colon and comma.
  static func line(_ object: JSONObject) -> String {
    var out = Writer(indent: nil)
    out.write(object)
    return out.text
  }

  /// With a line for each member and element, indented by four spaces.
  static func indented(_ object: JSONObject) -> String {
    var out = Writer(indent: 4)
    out.write(object)
    return out.text
  }

  /// A text as a JSON string.
  static func string(_ text: String) -> String {
    var out = Writer(indent: nil)
    out.write(text)
    return out.text
  }

  private struct Writer {
    private(set) var bytes: [UInt8] = []
    private let indent: Int?
    private var depth = 0

    var text: String { String(decoding: bytes, as: UTF8.self) }

    init(indent: Int?) { self.indent = indent }

    mutating func write(_ value: JSONValue) {
      if let object = value.object {
        write(object)
      } else if let array = value.array {
        write(array)
      } else if let text = value.string {
        write(text)
      } else if let flag = value.bool {
        raw(flag ? "true" : "false")
      } else if value.isNull {
        raw("null")
      } else {
        raw(JSONSpelling.number(value))
      }
    }

    mutating func write(_ object: JSONObject) {
      enclosed("{", object.map { $0 }, "}") { out, member in
        out.write(member.key)
        out.raw(": ")
        out.write(member.value)
      }
    }

    private mutating func write(_ array: JSONArray) {
      enclosed("[", array.map { $0 }, "]") { $0.write($1) }
    }

    private mutating func enclosed<Item>(
      _ open: String, _ items: [Item], _ close: String, _ body: (inout Writer, Item) -> Void
    ) {
      raw(open)
      depth += 1
      for (index, item) in items.enumerated() {
        if index > 0 { raw(indent == nil ? ", " : ",") }
        newLine()
        body(&self, item)
      }
      depth -= 1
      if !items.isEmpty { newLine() }
      raw(close)
    }

    private mutating func newLine() {
      guard let indent else { return }
      raw("\n" + String(repeating: " ", count: indent * depth))
    }

    mutating func write(_ text: String) {
      bytes.append(UInt8(ascii: "\""))
      for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""): raw("\\\"")
        case UInt8(ascii: "\\"): raw("\\\\")
        case 0x08: raw("\\b")
        case 0x09: raw("\\t")
        case 0x0A: raw("\\n")
        case 0x0C: raw("\\f")
        case 0x0D: raw("\\r")
        case 0..<0x20: raw((byte < 16 ? "\\u000" : "\\u00") + String(byte, radix: 16))
        default: bytes.append(byte)
        }
      }
      bytes.append(UInt8(ascii: "\""))
    }

    private mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }
  }

  /// A number as Python prints it: whole numbers with all their digits, others as the shortest
  /// text that gives the same `Double`.
  private static func number(_ value: JSONValue) -> String {
    let text = value.numeral ?? "0"
    guard text.contains(where: { ".eE".contains($0) }) else { return text == "-0" ? "0" : text }
    guard let number = value.double else { return text }
    // Swift changes to exponents at 2^54, Python at 10^16.
    let plain = "\(number)"
    guard number.magnitude >= 1e16, !plain.contains("e") else { return plain }
    return exponential(plain)
  }

  /// `12345678901234567.0` as `1.2345678901234567e+16`.
  private static func exponential(_ plain: String) -> String {
    let sign = plain.hasPrefix("-") ? "-" : ""
    let digits = plain.drop { $0 == "-" }.prefix { $0 != "." }
    var rest = digits.dropFirst()
    while rest.last == "0" { rest.removeLast() }
    return sign + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest) + "e+\(digits.count - 1)"
  }
}
