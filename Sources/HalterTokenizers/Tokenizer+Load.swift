import Foundation
import HalterJSON

extension Tokenizer {
  /// Reads tokenizer.json, tokenizer_config.json and chat_template.jinja of a checkpoint.
  ///
  /// - Parameter directory: The checkpoint's directory; only tokenizer.json must be there.
  /// - Returns: The tokenizer.
  /// - Throws: `TokenizerError` for a missing, broken or unsupported file.
  public static func load(directory: URL) throws(TokenizerError) -> Tokenizer {
    let file = directory.appendingPathComponent("tokenizer.json")
    let json = try read(file)
    let config = try readIfThere(directory.appendingPathComponent("tokenizer_config.json"))
    let jinja = try readIfThere(directory.appendingPathComponent("chat_template.jinja"))
    return try Tokenizer(
      tokenizerJSON: json, configJSON: config,
      chatTemplate: jinja.map { String(decoding: $0, as: UTF8.self) }, name: file.path)
  }

  /// A tokenizer from the contents of the files.
  ///
  /// - Parameters:
  ///   - tokenizerJSON: The bytes of tokenizer.json.
  ///   - configJSON: The bytes of tokenizer_config.json, or nil.
  ///   - chatTemplate: The jinja source, if it lies in a file of its own.
  ///   - name: What errors call the file.
  /// - Throws: `TokenizerError` naming the place in the file.
  public init(
    tokenizerJSON: [UInt8], configJSON: [UInt8]? = nil, chatTemplate: String? = nil,
    name: String = "tokenizer.json"
  ) throws(TokenizerError) {
    let pipeline: Pipeline
    let added: [AddedToken]
    do {
      (pipeline, added) = try TokenizerFile(JSONView(parsing: tokenizerJSON)).read()
    } catch {
      throw error.within(name)
    }
    var config = TokenizerConfig()
    if let configJSON {
      do {
        config = try TokenizerConfig(JSONView(parsing: configJSON))
      } catch {
        throw error.within("tokenizer_config.json")
      }
    }
    self.init(
      pipeline: pipeline, addedTokens: added,
      special: config.specialTokens(pipeline, added),
      chatTemplateText: chatTemplate ?? config.chatTemplate,
      maximumLength: config.maximumLength, source: tokenizerJSON)
  }

  private static func read(_ file: URL) throws(TokenizerError) -> [UInt8] {
    do {
      return [UInt8](try Data(contentsOf: file))
    } catch {
      throw TokenizerError(
        .missingFile, "cannot be read", at: file.path,
        mend: "a checkpoint directory must hold a tokenizer.json")
    }
  }

  private static func readIfThere(_ file: URL) throws(TokenizerError) -> [UInt8]? {
    FileManager.default.fileExists(atPath: file.path) ? try read(file) : nil
  }
}

/// What tokenizer_config.json adds to tokenizer.json.
struct TokenizerConfig {
  var bos: String?
  var eos: String?
  var pad: String?
  var unknown: String?
  var chatTemplate: String?
  var maximumLength: Int?

  init() {}

  init(_ root: JSONView) throws(TokenizerError) {
    bos = try Self.token(root, "bos_token")
    eos = try Self.token(root, "eos_token")
    pad = try Self.token(root, "pad_token")
    unknown = try Self.token(root, "unk_token")
    if let template = try root.member("chat_template") {
      chatTemplate = try Self.template(template)
    }
    // Checkpoints without a limit name 10^30, which is no whole number here.
    maximumLength = try root.member("model_max_length").flatMap { $0.value.integer }
  }

  /// A token is a string or an object with its text in `content`.
  private static func token(_ root: JSONView, _ key: String) throws(TokenizerError) -> String? {
    guard let value = try root.member(key) else { return nil }
    if value.value.object != nil { return try value.required("content").string() }
    return try value.string()
  }

  /// A template is a string, or a list of named ones of which "default" counts.
  private static func template(_ value: JSONView) throws(TokenizerError) -> String? {
    if value.value.isString { return try value.string() }
    for entry in try value.elements() where try entry.string("name") == "default" {
      return try entry.required("template").string()
    }
    return nil
  }

  /// Control tokens that end a turn in some family of models.
  static let turnEnds = [
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "<|end|>",
  ]

  func specialTokens(_ pipeline: Tokenizer.Pipeline, _ added: [AddedToken]) -> SpecialTokens {
    var out = SpecialTokens()
    let tokens = pipeline.model.tokens
    out.bos = bos.flatMap(tokens.find)
    out.eos = eos.flatMap(tokens.find)
    out.pad = pad.flatMap(tokens.find)
    out.unknown = unknown.flatMap(tokens.find) ?? pipeline.model.unknown
    out.additionalStops =
      added.filter { $0.isSpecial && $0.id != out.eos && Self.turnEnds.contains($0.content) }
      .map(\.id).sorted()
    return out
  }
}
