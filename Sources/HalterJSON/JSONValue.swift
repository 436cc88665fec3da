/// A value in a JSON text: the one reader of JSON for tokenizers, rows, headers and configurations.
///
/// Reading is strict and total: any bytes give a value or a `JSONError` with the byte offset. Where
/// leniency hides mistakes it is stricter than the standard asks for: a key that stands twice in an
/// object, half of a surrogate pair, and a number beyond the range of a `Double` are errors.
/// Numbers keep all their digits until they are asked for as one type or another.
///
/// Foundation's `JSONSerialization` and `JSONDecoder` are not used for files from outside: they
/// give no place of an error, keep one of two equal keys without a word, turn whole numbers,
/// fractions and Booleans into one type, and forget the order of keys. They remain for the small
/// records that this program writes itself, and for a model hub's answers.
///
/// A value is a place in the text, which it keeps alive; copying it is cheap.
public struct JSONValue: Sendable {
  let tape: JSONTape
  let node: Int
  private var place: JSONNode { tape.nodes[node] }

  /// Reads a text that is one JSON value in UTF-8, with nothing but white space around it.
  /// - Throws: `JSONError`, also for a text of 512 MiB or more or nested more than 128 deep.
  public init(parsing bytes: [UInt8]) throws(JSONError) {
    self.init(tape: try JSONReader.read(bytes), node: 0)
  }

  init(tape: JSONTape, node: Int) {
    self.tape = tape
    self.node = node
  }

  /// Where the value starts in the text, in bytes; for a string behind its quote.
  public var offset: Int { place.start }

  /// Whether the value is null.
  public var isNull: Bool { place.kind == .null }

  /// The truth value, nil for any other kind.
  public var bool: Bool? {
    switch place.kind {
    case .yes: true
    case .no: false
    default: nil
    }
  }

  /// The number as the nearest `Double`, which is finite; nil for any other kind.
  public var double: Double? {
    guard place.kind == .number else { return nil }
    return Double(scalarText)
  }

  /// The number exactly; nil where it has a fraction or an exponent or does not fit, and for any
  /// other kind.
  public var integer: Int? { whole() }

  /// As `integer`, for numbers from 0 to 2^64 - 1.
  public var unsigned: UInt64? { whole() }

  /// The number as it stands in the text, all digits kept; nil for any other kind.
  public var numeral: String? { place.kind == .number ? scalarText : nil }

  private func whole<Integer: FixedWidthInteger>() -> Integer? {
    guard place.kind == .number else { return nil }
    var range = place.range
    let isNegative = tape.bytes[range.lowerBound] == UInt8(ascii: "-")
    if isNegative { range = range.lowerBound + 1..<range.upperBound }
    var value: Integer = 0
    for byte in tape.bytes[range] {
      guard (48...57).contains(byte), let digit = Integer(exactly: byte - 48) else { return nil }
      let (tens, overTens) = value.multipliedReportingOverflow(by: 10)
      let (next, overNext) =
        isNegative
        ? tens.subtractingReportingOverflow(digit) : tens.addingReportingOverflow(digit)
      guard !overTens, !overNext else { return nil }
      value = next
    }
    return value
  }

  /// The text, escapes decoded; nil for any other kind.
  public var string: String? { isString ? place.text(in: tape.bytes) : nil }

  /// Whether the value is text.
  public var isString: Bool {
    switch place.kind {
    case .string, .escapedString: true
    default: false
    }
  }

  /// Appends the UTF-8 of the text, escapes decoded.
  /// - Returns: False, and nothing is appended, for any other kind.
  public func appendText(to out: inout [UInt8]) -> Bool {
    guard isString else { return false }
    place.appendText(in: tape.bytes, to: &out)
    return true
  }

  /// The list, nil for any other kind.
  public var array: JSONArray? {
    place.kind == .array ? JSONArray(tape: tape, node: node) : nil
  }

  /// The object, nil for any other kind.
  public var object: JSONObject? {
    place.kind == .object ? JSONObject(tape: tape, node: node) : nil
  }

  /// The kind of value in words for messages: `a number`, `text`, `a list`.
  public var kindInWords: String {
    switch place.kind {
    case .null: "null"
    case .no, .yes: "true or false"
    case .number: "a number"
    case .string, .escapedString: "text"
    case .array: "a list"
    case .object: "an object"
    }
  }

  /// The value in short for messages: a scalar as it stands in the text, at most 60 characters of
  /// it, the kind of anything else.
  public var excerpt: String {
    switch place.kind {
    case .array, .object: kindInWords
    case .string, .escapedString: "\"\(place.text(in: tape.bytes).prefix(60))\""
    default: String(scalarText.prefix(60))
    }
  }

  private var scalarText: String { String(decoding: tape.bytes[place.range], as: UTF8.self) }
}
