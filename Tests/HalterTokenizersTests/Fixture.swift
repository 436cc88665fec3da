import Foundation
import HalterTokenizers
import Testing

/// Golden values that Tests/Parity/make_tokenizers.py made with the reference libraries.
struct Golden: Decodable {
  var ids: [[Int32]]
  /// Ids without control tokens, for those strings where they differ; keys are indices.
  var plain: [String: [Int32]]
  /// Ids of "" and "hello" with what the checkpoint puts around a text.
  var added: [[Int32]]
  /// Decoded texts, for those strings where they differ from the string; keys are indices.
  var decoded: [String: String]
  var torn: [Torn]
  var rhino: [Int32]

  struct Torn: Decodable {
    var ids: [Int32]
    var text: String

    init(from decoder: any Decoder) throws {
      var list = try decoder.unkeyedContainer()
      ids = try list.decode([Int32].self)
      text = try list.decode(String.self)
    }
  }
}

/// A conversation and what it must become.
struct GoldenChat: Decodable {
  var kind: String
  var messages: [Message]
  var prompt: Bool
  var text: String
  var ids: [Int32]
}

extension Message: Decodable {
  private enum Key: CodingKey { case role, content }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Key.self)
    self.init(
      role: try fields.decode(Role.self, forKey: .role),
      content: try fields.decode(String.self, forKey: .content))
  }
}

enum Fixture {
  static func url(_ name: String) throws -> URL {
    let folder = try #require(Bundle.module.resourceURL)
    return folder.appendingPathComponent("Fixtures").appendingPathComponent(name)
  }

  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: try url(name)))
  }

  static func json<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value {
    try JSONDecoder().decode(type, from: try Data(contentsOf: try url(name)))
  }

  static func strings() throws -> [String] { try json("strings.json", as: [String].self) }

  static func golden(_ name: String) throws -> Golden {
    try json("golden-\(name).json", as: Golden.self)
  }

  /// A small tokenizer of the fixtures; variants are put together from their base.
  static func tokenizer(_ name: String) throws -> Tokenizer {
    if name == "tiny" { return try Tokenizer.load(directory: tiny) }
    return try Tokenizer(tokenizerJSON: try tokenizerJSON(name), name: name)
  }

  static let bases = ["gpt2", "llama3", "llama2"]

  static func tokenizerJSON(_ name: String) throws -> [UInt8] {
    if bases.contains(name) { return try bytes("\(name)/tokenizer.json") }
    let variant = try object("variants/\(name).json")
    let base = try #require(variant["base"] as? String)
    var file = try #require(variant["parts"] as? [String: Any])
    var model = try #require(try object("\(base)/tokenizer.json")["model"] as? [String: Any])
    let changes = try #require(variant["model"] as? [String: Any])
    model.merge(changes) { $1 }
    file["model"] = model
    return [UInt8](try JSONSerialization.data(withJSONObject: file))
  }

  private static func object(_ name: String) throws -> [String: Any] {
    let data = try Data(contentsOf: try url(name))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// recipes/tiny of the source tree.
  static var tiny: URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("recipes/tiny")
  }

  /// Runs `body` with a new directory that is removed afterwards.
  static func withDirectory<R>(_ body: (URL) throws -> R) throws -> R {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("halter-tokenizers-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try body(directory)
  }

  /// Writes `tokenizer` where `make_tokenizers.py check` looks, if the environment asks for it.
  static func export(_ tokenizer: Tokenizer, as name: String, jinja: String? = nil) throws {
    guard let folder = ProcessInfo.processInfo.environment["HALTER_TEST_EXPORT"] else { return }
    let directory = URL(fileURLWithPath: folder).appendingPathComponent(name)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try tokenizer.write(to: directory, chatTemplate: jinja)
  }
}
