import HalterJSON
import Testing

func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

/// A value spelled out with nothing left to choice, to compare two by.
func canonical(_ value: JSONValue) -> String {
  if let array = value.array { return "[" + array.map(canonical).joined(separator: ",") + "]" }
  if let object = value.object {
    return "{"
      + object.map { "\($0.key.debugDescription):\(canonical($0.value))" }
      .joined(separator: ",") + "}"
  }
  if let text = value.string { return text.debugDescription }
  return value.excerpt
}

@Suite struct JSONValueTests {
  @Test(arguments: ["null", "true", "-0.5e+3", #""a\u0000b""#, "[]", "{}", " \t\r\n[ 1 , 2 ]\n"])
  func readsEveryKind(text: String) throws {
    #expect(try !json(text).kindInWords.isEmpty)
  }

  @Test(arguments: [
    ("null", "null"), ("true", "true or false"), ("1", "a number"), ("\"\"", "text"),
    ("\"\\n\"", "text"), ("[1]", "a list"), ("{}", "an object"),
  ])
  func saysTheKindInWords(text: String, words: String) throws {
    #expect(try json(text).kindInWords == words)
  }

  @Test func aValueIsOfOneKindOnly() throws {
    let values = try json(#"[null, true, 1, "x", [], {}]"#).array.map(Array.init) ?? []
    #expect(values.map(\.isNull) == [true, false, false, false, false, false])
    #expect(values.map { $0.bool != nil } == [false, true, false, false, false, false])
    #expect(values.map { $0.double != nil } == [false, false, true, false, false, false])
    #expect(values.map { $0.integer != nil } == [false, false, true, false, false, false])
    #expect(values.map { $0.string != nil } == [false, false, false, true, false, false])
    #expect(values.map { $0.array != nil } == [false, false, false, false, true, false])
    #expect(values.map { $0.object != nil } == [false, false, false, false, false, true])
  }

  @Test func nestedValuesKeepTheirOrder() throws {
    let text = #"{"b":[1,[2,{"z":[],"a":{}}],"x"],"a":null,"é":{"k":false}}"#
    #expect(try canonical(json(text)) == text)
    #expect(try json(text).object?.keys == ["b", "a", "é"])
    #expect(try json(text).object?.count == 3)
    #expect(try json(text).object?["b"]?.array?.count == 3)
  }

  @Test func membersAreFoundByKey() throws {
    let object = try #require(try json(#"{"a": {"b": 1}, "b": 2, "\u0063": 3}"#).object)
    #expect(object["b"]?.integer == 2)
    #expect(object["a"]?.object?["b"]?.integer == 1)
    #expect(object["c"]?.integer == 3)
    #expect(object["d"] == nil)
  }

  @Test func emptyContainersAreEmpty() throws {
    #expect(try json("[ ]").array?.isEmpty == true)
    #expect(try json("[[]]").array?.isEmpty == false)
    #expect(try json("{ }").object?.count == 0)
    #expect(try json("{ }").object?["a"] == nil)
  }

  @Test func offsetsPointIntoTheText() throws {
    let object = try #require(try json(#"{"é": [10, "x"]}"#).object)
    let elements = try #require(object["é"]?.array).map(\.offset)
    #expect(object["é"]?.offset == 7)
    #expect(elements == [8, 13])
  }

  @Test func excerptsAreShort() throws {
    #expect(try json("12.50").excerpt == "12.50")
    #expect(try json(#""a\tb""#).excerpt == "\"a\tb\"")
    #expect(try json("[1]").excerpt == "a list")
    #expect(try json("\"\(String(repeating: "x", count: 500))\"").excerpt.count < 70)
  }

  @Test func aValueOutlivesItsParent() throws {
    func inner() throws -> JSONValue? { try json(#"{"a": ["kept"]}"#).object?["a"] }
    #expect(try inner()?.array?.first { _ in true }?.string == "kept")
  }
}

@Suite struct JSONNumberTests {
  @Test(arguments: [
    ("0", 0), ("-0", 0), ("7", 7), ("-12", -12), ("9223372036854775807", Int.max),
    ("-9223372036854775808", Int.min),
  ])
  func wholeNumbersAreExact(text: String, expected: Int) throws {
    #expect(try json(text).integer == expected)
  }

  @Test(arguments: ["9223372036854775808", "-9223372036854775809", "1.0", "1e3", "\"1\"", "true"])
  func whatIsNoIntIsNil(text: String) throws {
    #expect(try json(text).integer == nil)
  }

  @Test func unsignedNumbersReachToTheEnd() throws {
    #expect(try json("18446744073709551615").unsigned == .max)
    #expect(try json("18446744073709551616").unsigned == nil)
    #expect(try json("-1").unsigned == nil)
  }

  @Test(arguments: [
    ("1.5e-3", 1.5e-3), ("-0", -0.0), ("1e308", 1e308), ("0.1", 0.1),
    ("123456789012345678901234567890", 123_456_789_012_345_678_901_234_567_890.0),
  ])
  func fractionsAreTheNearestDouble(text: String, expected: Double) throws {
    #expect(try json(text).double == expected)
  }

  @Test(arguments: [
    "01", "-", "+1", ".5", "1.", "1.e3", "1e", "1e+", "0x10", "1_000", "NaN", "Infinity", "--1",
    "1e999", "-1e999",
  ])
  func whatIsNoNumberIsRefused(text: String) {
    #expect(throws: JSONError.self) { try json(text) }
  }

  @Test func aNumberOfAThousandDigitsIsOutOfRange() {
    #expect(throws: JSONError.self) { try json(String(repeating: "9", count: 1000)) }
    #expect(throws: Never.self) { try json("0." + String(repeating: "9", count: 1000)) }
  }
}

@Suite struct JSONTextTests {
  @Test func decodesEveryEscape() throws {
    let text = #""\"\\\/\b\f\n\r\t\u00e9\uD83D\ude42 x""#
    #expect(try json(text).string == "\"\\/\u{8}\u{C}\n\r\té🙂 x")
  }

  @Test func keepsHostileUnicodeAsItIs() throws {
    let text = "e\u{301}\u{200D}\u{202E}שלום🏳️‍🌈\u{10FFFF}\u{2028}\u{7F}\u{0085}"
    let read = try #require(try json("\"\(text)\"").string)
    #expect(Array(read.unicodeScalars) == Array(text.unicodeScalars))
  }

  @Test func bytesAreAppendedDecoded() throws {
    var out: [UInt8] = [1]
    #expect(try json(#""a\n\u0141b""#).appendText(to: &out))
    #expect(out == [1] + Array("a\nŁb".utf8))
    #expect(try !json("3").appendText(to: &out))
    for member in try #require(try json(#"{"k\\": 0}"#).object) { member.appendKey(to: &out) }
    #expect(out == [1] + Array("a\nŁbk\\".utf8))
  }

  @Test(arguments: [
    #""\ud800""#, #""\udc00""#, #""\ud800A""#, #""\ud800\u0041""#, #""\ud800\ud800""#, #""\u12""#,
    #""\u00zz""#, #""\u00é""#, #""\x""#, #""\"#, #""\u"#, #""\ud83d\ude4""#, "\"a\nb\"",
    "\"\u{0}\"",
    "\"open",
  ])
  func brokenTextIsRefused(text: String) {
    #expect(throws: JSONError.self) { try json(text) }
  }

  /// Overlong forms, surrogates, what lies beyond Unicode, and characters cut short.
  @Test(
    arguments: [
      [0xFF], [0x80], [0xC0, 0xAF], [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80],
      [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC3],
      [0xE2, 0x82], [0xF0, 0x9F, 0x99], [0xE2, 0x28, 0xA1],
    ] as [[UInt8]])
  func whatIsNotUTF8IsRefused(bytes: [UInt8]) throws {
    #expect(String(validating: bytes, as: UTF8.self) == nil)
    let error = try #require(throws: JSONError.self) {
      try JSONValue(parsing: Array("\"é".utf8) + bytes + Array("\"".utf8))
    }
    #expect(error.offset == 3 && error.message.contains("UTF-8"))
  }

  @Test func everyScalarPasses() throws {
    // One of every 61, and the ends of each range of widths.
    let edges: [UInt32] = [
      0x20, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x3FFFF,
      0x40000, 0xFFFFF, 0x100000, 0x10FFFF,
    ]
    let sampled = stride(from: UInt32(0x80), through: 0x10FFFF, by: 61)
    var text = ""
    for scalar in (edges + sampled).compactMap(Unicode.Scalar.init) {
      text.unicodeScalars.append(scalar)
    }
    #expect(try json("\"\(text)\"").string == text)
  }
}
