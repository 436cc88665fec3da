import Foundation

extension Tokenizer {
  /// Writes tokenizer.json and tokenizer_config.json, with which transformers gives the same ids.
  ///
  /// A tokenizer that was read from a tokenizer.json is written as it was, byte by byte.
  ///
  /// - Parameters:
  ///   - directory: A directory that exists. Files in it are replaced.
  ///   - chatTemplate: The jinja source to write; nil for the checkpoint's own.
  /// - Throws: `TokenizerError` if a file cannot be written.
  public func write(to directory: URL, chatTemplate: String? = nil) throws(TokenizerError) {
    let json = source ?? TokenizerJSON(self).file()
    try Self.write(json, to: directory.appendingPathComponent("tokenizer.json"))
    let config = TokenizerJSON(self).config(chatTemplate: chatTemplate ?? chatTemplateText)
    try Self.write(config, to: directory.appendingPathComponent("tokenizer_config.json"))
  }

  /// All that the tokens of a text follow from, as bytes: equal for equal tokenizers.
  public var definition: [UInt8] {
    (source ?? TokenizerJSON(self).file()) + TokenizerJSON(self).config(chatTemplate: nil)
  }

  private static func write(_ bytes: [UInt8], to file: URL) throws(TokenizerError) {
    do {
      try Data(bytes).write(to: file, options: .atomic)
    } catch {
      throw TokenizerError(.cannotWrite, "cannot be written: \(error)", at: file.path)
    }
  }
}

/// Spells a tokenizer out in the files of the Hugging Face libraries.
struct TokenizerJSON {
  private let tokenizer: Tokenizer
  private var pipeline: Tokenizer.Pipeline { tokenizer.pipeline }

  init(_ tokenizer: Tokenizer) {
    self.tokenizer = tokenizer
  }

  /// The bytes of tokenizer.json.
  func file() -> [UInt8] {
    var out = JSONText()
    out.raw("{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\n\"added_tokens\":[")
    for (index, token) in tokenizer.addedTokens.enumerated() {
      out.raw("\(index == 0 ? "\n" : ",\n"){\"id\":\(token.id),\"content\":")
      out.string(token.content)
      out.raw(",\"single_word\":\(token.singleWord),\"lstrip\":\(token.stripsLeft)")
      out.raw(",\"rstrip\":\(token.stripsRight),\"normalized\":\(token.isNormalized)")
      out.raw(",\"special\":\(token.isSpecial)}")
    }
    out.raw("],\n\"normalizer\":")
    out.normalizer(pipeline.normalizer)
    out.raw(",\n\"pre_tokenizer\":")
    out.sequence("pretokenizers", pipeline.preTokenizers) { $0.preTokenizer($1) }
    out.raw(",\n\"post_processor\":")
    processor(&out)
    out.raw(",\n\"decoder\":")
    out.sequence("decoders", pipeline.decoders) { $0.decoder($1) }
    out.raw(",\n\"model\":")
    model(&out)
    out.raw("}\n")
    return out.bytes
  }

  private func processor(_ out: inout JSONText) {
    let around = pipeline.prefix + pipeline.suffix
    guard !around.isEmpty else { return out.raw("null") }
    func names(_ ids: [Int32]) -> [String] { ids.map { tokenizer.token($0) ?? "" } }
    func list(_ sequences: [(String, Int)], _ out: inout JSONText) {
      var isFirst = true
      func item(_ kind: String, _ id: String, _ type: Int) {
        out.raw("\(isFirst ? "" : ","){\"\(kind)\":{\"id\":")
        out.string(id)
        out.raw(",\"type_id\":\(type)}}")
        isFirst = false
      }
      for (name, type) in sequences {
        for token in names(pipeline.prefix) { item("SpecialToken", token, type) }
        item("Sequence", name, type)
        for token in names(pipeline.suffix) { item("SpecialToken", token, type) }
      }
    }
    out.raw("{\"type\":\"TemplateProcessing\",\"single\":[")
    list([("A", 0)], &out)
    out.raw("],\"pair\":[")
    list([("A", 0), ("B", 1)], &out)
    out.raw("],\"special_tokens\":{")
    for (index, id) in Set(around).sorted().enumerated() {
      let name = tokenizer.token(id) ?? ""
      if index > 0 { out.raw(",") }
      out.string(name)
      out.raw(":{\"id\":")
      out.string(name)
      out.raw(",\"ids\":[\(id)],\"tokens\":[")
      out.string(name)
      out.raw("]}")
    }
    out.raw("}}")
  }

  private func model(_ out: inout JSONText) {
    let model = pipeline.model
    out.raw("{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":")
    if let unknown = model.unknown, let name = tokenizer.token(unknown) {
      out.string(name)
    } else {
      out.raw("null")
    }
    out.raw(",\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null")
    out.raw(",\"fuse_unk\":\(model.fusesUnknown),\"byte_fallback\":\(model.hasByteFallback)")
    out.raw(",\"ignore_merges\":\(model.ignoresMerges),\n\"vocab\":{")
    var isFirst = true
    for id in 0..<model.tokens.count {
      guard let text = model.tokens.text(id) else { continue }
      out.raw(isFirst ? "\n" : ",\n")
      out.string(text)
      out.raw(":\(id)")
      isFirst = false
    }
    out.raw("},\n\"merges\":[")
    for (index, rule) in model.merges.inOrder().enumerated() {
      out.raw(index == 0 ? "\n[" : ",\n[")
      out.string(model.tokens.text(Int(rule.left)) ?? [])
      out.raw(",")
      out.string(model.tokens.text(Int(rule.right)) ?? [])
      out.raw("]")
    }
    out.raw("]}")
  }

  /// The bytes of tokenizer_config.json.
  func config(chatTemplate: String?) -> [UInt8] {
    var out = JSONText()
    // This class makes transformers take tokenizer.json as it is; named model classes rebuild it.
    out.raw("{\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\"")
    out.raw(",\n  \"clean_up_tokenization_spaces\": false")
    let special = tokenizer.special
    let named = [
      ("bos_token", special.bos), ("eos_token", special.eos), ("pad_token", special.pad),
      ("unk_token", special.unknown),
    ]
    for case (let key, let id?) in named {
      guard let text = tokenizer.token(id) else { continue }
      out.raw(",\n  \"\(key)\": ")
      out.string(text)
    }
    let limit = tokenizer.maximumLength.map { "\($0)" } ?? "1000000000000000019884624838656"
    out.raw(",\n  \"model_max_length\": \(limit)")
    if let chatTemplate {
      out.raw(",\n  \"chat_template\": ")
      out.string(chatTemplate)
    }
    out.raw("\n}\n")
    return out.bytes
  }
}
