import Foundation
import HalterTokenizers
import Testing

/// The metadata of a GGUF file, read just well enough for these tests.
struct GGUFKeys {
  private let data: [UInt8]
  private var at = 16
  private(set) var numbers: [String: Int] = [:]
  private(set) var strings: [String: String] = [:]
  private(set) var stringLists: [String: [String]] = [:]
  private(set) var numberLists: [String: [Int32]] = [:]

  init(path: String) throws {
    // The keys come first; the tensors after them are not looked at.
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    data = [UInt8](try #require(try file.read(upToCount: 8 << 20)))
    try #require(data.prefix(4).elementsEqual("GGUF".utf8))
    let count = integer(8)
    for _ in 0..<count {
      let key = string()
      read(key, type: integer(4))
    }
  }

  private mutating func integer(_ width: Int) -> Int {
    defer { at += width }
    return (0..<width).reduce(0) { $0 | Int(data[at + $1]) << (8 * $1) }
  }

  private mutating func string() -> String {
    let length = integer(8)
    defer { at += length }
    return String(decoding: data[at..<at + length], as: UTF8.self)
  }

  private static func width(_ type: Int) -> Int {
    [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8][type]
  }

  private mutating func read(_ key: String, type: Int) {
    switch type {
    case 8: strings[key] = string()
    case 9:
      let element = integer(4)
      let count = integer(8)
      if element == 8 {
        stringLists[key] = (0..<count).map { _ in string() }
      } else if Self.width(element) == 4 {
        numberLists[key] = (0..<count).map { _ in Int32(truncatingIfNeeded: integer(4)) }
      } else {
        at += count * Self.width(element)
      }
    default: numbers[key] = integer(Self.width(type))
    }
  }

  func vocabulary() throws -> GGUFVocabulary {
    let prefix = "tokenizer.ggml."
    func id(_ name: String) -> Int32? { numbers["\(prefix)\(name)_token_id"].map(Int32.init) }
    var out = GGUFVocabulary(
      model: try #require(strings[prefix + "model"]), pre: strings[prefix + "pre"],
      tokens: try #require(stringLists[prefix + "tokens"]))
    out.types = numberLists[prefix + "token_type"] ?? []
    out.merges = stringLists[prefix + "merges"] ?? []
    (out.bos, out.eos, out.unknown, out.pad) = (
      id("bos"), id("eos"), id("unknown"), id("padding")
    )
    out.addBOS = numbers[prefix + "add_bos_token"].map { $0 != 0 }
    out.chatTemplate = strings["tokenizer.chat_template"]
    return out
  }
}
