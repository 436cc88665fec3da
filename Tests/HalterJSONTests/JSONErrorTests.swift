import HalterJSON
import HalterRandom
import Testing

@Suite struct JSONErrorTests {
  @Test(arguments: [
    ("", 0, "the text ends where a value was expected"),
    ("  ", 2, "the text ends where a value was expected"),
    ("{\"a\": 1", 7, "the text ends where \",\" or \"}\" was expected"),
    ("[1", 2, "the text ends where \",\" or \"]\" was expected"),
    ("{\"a\": 1} x", 9, "found \"x\" after the end of the value"),
    ("{\"a\" 1}", 5, "found \"1\" where \":\" after the key \"a\" was expected"),
    ("{'a': 1}", 1, "found \"'\" where a key in double quotes was expected"),
    ("{\"a\": 1,}", 8, "found \"}\" where a key in double quotes was expected"),
    ("[1,]", 3, "found \"]\" where a value was expected"),
    ("[1 2]", 3, "found \"2\" where \",\" or \"]\" was expected"),
    ("{]", 1, "found \"]\" where a key in double quotes was expected"),
    ("[}", 1, "found \"}\" where a value was expected"),
    ("{\"é\": x}", 7, "found \"x\" where a value was expected"),
    ("{\"a\": \"b", 8, "the text ends inside a string: a closing quote is missing"),
    ("\"\t\"", 1, "found a tab inside text; write it as an escape"),
    ("\"\u{1}\"", 1, "found control byte 1 inside text; write it as an escape"),
    ("{\"a\": 01}", 7, "found \"1\" where \",\" or \"}\" was expected"),
    ("[1e999]", 1, "the number 1e999 is out of range"),
    ("tru", 3, "the text ends where `true` was expected"),
    ("nul1", 3, "found \"1\" where `null` was expected"),
    ("é", 0, "found a character outside ASCII where a value was expected"),
    (#"["\ud800"]"#, 2, "a lone surrogate escape stands for no character"),
    (#"["\x"]"#, 2, "found an unknown escape in text"),
    (#"["\u12"]"#, 2, #"found an escape \u without its four hexadecimal digits"#),
    (#"["\"#, 2, "the text ends inside an escape"),
    ("{\"a\": 1, \"a\": 2}", 9, "the key \"a\" stands twice in an object"),
  ])
  func namesThePlaceAndTheFault(text: String, offset: Int, message: String) throws {
    let error = try #require(throws: JSONError.self) { try json(text) }
    #expect(error.offset == offset)
    #expect(error.message == message)
    #expect(error.description == "\(message) (at byte \(offset))")
  }

  @Test func aByteOrderMarkIsRefused() {
    #expect(throws: JSONError.self) { try json("\u{FEFF}{}") }
  }

  @Test(arguments: ["[", "{\"a\":"]) func nestingHasALimit(open: String) throws {
    let error = try #require(throws: JSONError.self) {
      try json(String(repeating: open, count: 100_000))
    }
    #expect(error.message == "lists and objects are nested more than 128 deep")
    #expect(error.offset == 128 * open.utf8.count)
  }

  @Test func nestingUpToTheLimitIsFine() throws {
    let text = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
    #expect(try canonical(json(text)) == text)
  }

  @Test func everyCutIsAnError() throws {
    let text = Array(#"{"a": [1.5e3, true, "é\u00e9\ud83d\ude42"], "b": {"c": null}}"#.utf8)
    _ = try JSONValue(parsing: text)
    for count in text.indices {
      #expect(throws: JSONError.self, "cut after \(count)") {
        try JSONValue(parsing: Array(text[..<count]))
      }
    }
  }

  @Test func anyBytesGiveAValueOrAnErrorInside() throws {
    var random = RandomStream(seed: 7)
    let seeds = [
      #"{"messages": [{"role": "user", "content": "a\u00e9\ud83d\ude42\n"}, {"r": "é🙂"}]}"#,
      #"{"prompt": "x", "completion": [1.5e-3, -0, true, null, {"k": []}]}"#,
    ].map { Array($0.utf8) }
    var errors = 0
    for round in 0..<6000 {
      var bytes = seeds[round % seeds.count]
      for _ in 0...random.next(below: 4) {
        let place = random.next(below: bytes.count)
        switch random.next(below: 3) {
        case 0: bytes[place] = UInt8(random.next(below: 256))
        case 1: bytes.remove(at: place)
        default: bytes.insert(bytes[random.next(below: bytes.count)], at: place)
        }
      }
      do {
        #expect(try !canonical(JSONValue(parsing: bytes)).isEmpty)
        #expect(String(validating: bytes, as: UTF8.self) != nil)
      } catch {
        #expect((0...bytes.count).contains(error.offset))
        errors += 1
      }
    }
    #expect(errors > 1000 && errors < 6000)
  }
}

@Suite struct JSONRepeatedKeyTests {
  /// Below and above the number of keys from which on they are hashed.
  @Test(arguments: [1, 2, 11, 12, 13, 14, 64, 65, 5000])
  func aRepeatedKeyIsFoundWhereverItStands(count: Int) throws {
    let members = (0..<count).map { "\"key\($0)\": [\($0), {\"key0\": 0}]" }
    let whole = "{" + members.joined(separator: ", ") + "}"
    #expect(try json(whole).object?.count == count)
    for again in Set([0, count / 2, count - 1]) {
      let text = "{" + members.joined(separator: ", ") + ", \"key\(again)\": 1}"
      let error = try #require(throws: JSONError.self) { try json(text) }
      #expect(error.message == "the key \"key\(again)\" stands twice in an object")
      #expect(error.offset == whole.utf8.count + 1)
    }
  }

  @Test(arguments: [0, 40]) func escapesDoNotHideARepeatedKey(others: Int) throws {
    let more = (0..<others).map { "\"x\($0)\": 0, " }.joined()
    for (first, second) in [(#"a\u0062"#, "ab"), ("ab", #"\u0061b"#), (#"\u0061b"#, #"a\u0062"#)] {
      #expect(throws: JSONError.self, "\(first), \(second)") {
        try json("{\(more)\"\(first)\": 1, \"\(second)\": 2}")
      }
    }
  }

  @Test(arguments: [0, 40]) func keysOfDifferentBytesAreTwo(others: Int) throws {
    let more = (0..<others).map { "\"x\($0)\": 0, " }.joined()
    let text = "{\(more)\"\u{E9}\": 1, \"e\u{301}\": 2, \"\": 3, \"\\u0000\": 4}"
    let object = try #require(try json(text).object)
    #expect(object.count == others + 4)
    #expect(object["\u{E9}"]?.integer == 1)
    #expect(object["e\u{301}"]?.integer == 2)
  }

  @Test func objectsSideBySideMayShareKeys() throws {
    #expect(throws: Never.self) { try json(#"[{"a": {"a": 1}}, {"a": {"a": 1}}]"#) }
  }
}
