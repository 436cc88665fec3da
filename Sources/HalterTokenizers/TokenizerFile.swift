/// Reads the parts of a tokenizer.json.
struct TokenizerFile {
  let root: JSONView

  init(_ root: JSONView) {
    self.root = root
  }

  /// The pipeline and the added tokens of the file.
  func read() throws(TokenizerError) -> (Tokenizer.Pipeline, [AddedToken]) {
    let preTokenizers = try root.member("pre_tokenizer").map(Self.preTokenizers) ?? []
    let isByteLevel = try Self.endsInByteLevel(preTokenizers)
    var model = try ModelReader(try root.required("model")).read(isByteLevel: isByteLevel)
    let added = try addedTokens(&model.tokens)
    var pipeline = Tokenizer.Pipeline(model: model)
    pipeline.preTokenizers = preTokenizers
    pipeline.normalizer = try root.member("normalizer").flatMap(Self.normalizer)
    pipeline.decoders = try root.member("decoder").map(Self.decoders) ?? []
    if let processor = try root.member("post_processor") {
      try Self.readProcessor(processor, into: &pipeline)
    }
    return (pipeline, added)
  }

  /// Whether words reach the model in the byte alphabet. Nothing may cut them after that.
  private static func endsInByteLevel(_ steps: [PreTokenizer]) throws(TokenizerError) -> Bool {
    let places = steps.indices.filter {
      if case .byteLevel = steps[$0] { true } else { false }
    }
    guard let place = places.first else { return false }
    guard place == steps.count - 1 else {
      throw TokenizerError(
        .unsupported, "a step after ByteLevel is not supported", at: "$.pre_tokenizer")
    }
    return true
  }

  private func addedTokens(_ tokens: inout TokenTable) throws(TokenizerError) -> [AddedToken] {
    guard let list = try root.member("added_tokens") else { return [] }
    var out: [AddedToken] = []
    var seen: Set<Int32> = []
    for entry in try list.elements() {
      let content = try entry.required("content").string()
      let id = try entry.required("id").integer()
      guard !content.isEmpty else { throw entry.error("an added token has no text") }
      guard (0..<TokenTable.idLimit).contains(id) else {
        throw entry.error("token id \(id) is outside 0..<\(TokenTable.idLimit)")
      }
      if let known = tokens.find(content) {
        guard Int(known) == id else {
          throw entry.error("\"\(content)\" has id \(id) here and \(known) elsewhere")
        }
      } else {
        let bytes = Array(content.utf8)
        do {
          try tokens.insert(bytes, 0..<bytes.count, id: id)
        } catch {
          throw error.within(entry.path)
        }
      }
      guard seen.insert(Int32(id)).inserted else {
        throw entry.error("the added token \"\(content)\" occurs twice")
      }
      var token = AddedToken(id: Int32(id), content: content)
      token.singleWord = try entry.bool("single_word", default: false)
      token.stripsLeft = try entry.bool("lstrip", default: false)
      token.stripsRight = try entry.bool("rstrip", default: false)
      token.isSpecial = try entry.bool("special", default: false)
      token.isNormalized = try entry.bool("normalized", default: !token.isSpecial)
      out.append(token)
    }
    return out
  }

  static func unsupported(_ view: JSONView, _ kind: String) -> TokenizerError {
    TokenizerError(
      .unsupported, "the type \(kind) is not supported", at: view.path,
      mend: "only BPE tokenizers of the GPT-2, Llama and Qwen families are")
  }

  /// The text of `Replace`'s pattern.
  private static func literalPattern(_ view: JSONView) throws(TokenizerError) -> [UInt8] {
    guard let text = try view.required("pattern").string("String"), !text.isEmpty else {
      throw TokenizerError(.unsupported, "only plain text can be replaced", at: view.path)
    }
    return Array(text.utf8)
  }

  static func normalizer(_ view: JSONView) throws(TokenizerError) -> Normalizer? {
    let kind = try view.required("type").string()
    switch kind {
    case "NFC": return .nfc
    case "Prepend": return .prepend(Array(try view.required("prepend").string().utf8))
    case "Replace":
      let content = Array(try view.required("content").string().utf8)
      return .replace(from: try literalPattern(view), with: content)
    case "Sequence":
      var parts: [Normalizer] = []
      for part in try view.required("normalizers").elements() {
        if let part = try normalizer(part) { parts.append(part) }
      }
      return parts.isEmpty ? nil : .sequence(parts)
    default: throw unsupported(view, kind)
    }
  }

  static func preTokenizers(_ view: JSONView) throws(TokenizerError) -> [PreTokenizer] {
    let kind = try view.required("type").string()
    switch kind {
    case "Sequence":
      var parts: [PreTokenizer] = []
      for part in try view.required("pretokenizers").elements() {
        parts += try preTokenizers(part)
      }
      return parts
    case "ByteLevel":
      return [
        .byteLevel(
          addPrefixSpace: try view.bool("add_prefix_space", default: true),
          useRegex: try view.bool("use_regex", default: true))
      ]
    case "Digits": return [.digits(individual: try view.bool("individual_digits", default: false))]
    case "Split": return [.split(try splitPattern(view))]
    case "Metaspace":
      let mark = try view.string("replacement") ?? "▁"
      return [
        .metaspace(
          replacement: Array(mark.utf8), prepend: try prependScheme(view),
          split: try view.bool("split", default: true))
      ]
    default: throw unsupported(view, kind)
    }
  }

  private static func prependScheme(
    _ view: JSONView
  ) throws(TokenizerError) -> PreTokenizer.MetaspacePrepend {
    if let name = try view.string("prepend_scheme") {
      guard let scheme = PreTokenizer.MetaspacePrepend(rawValue: name) else {
        throw view.error("prepend_scheme is \"\(name)\", expected always, never or first")
      }
      return scheme
    }
    return try view.bool("add_prefix_space", default: true) ? .always : .never
  }

  private static func splitPattern(_ view: JSONView) throws(TokenizerError) -> SplitPattern {
    guard let regex = try view.required("pattern").string("Regex") else {
      throw TokenizerError(
        .unsupported, "splitting at plain text is not supported", at: view.path)
    }
    let pattern = try SplitPattern(regex: regex, at: view.path)
    let behavior = try view.required("behavior").string()
    let inverted = try view.bool("invert", default: false)
    let keepsAll =
      behavior == "Isolated" || (behavior == "Removed" && inverted && pattern.coversEverything)
    guard keepsAll else {
      throw TokenizerError(
        .unsupported, "the split behavior \(behavior) is not supported", at: view.path,
        mend: "Isolated is")
    }
    return pattern
  }

  static func decoders(_ view: JSONView) throws(TokenizerError) -> [TokenDecoder] {
    let kind = try view.required("type").string()
    switch kind {
    case "Sequence":
      var parts: [TokenDecoder] = []
      for part in try view.required("decoders").elements() { parts += try decoders(part) }
      return parts
    case "ByteLevel": return [.byteLevel]
    case "ByteFallback": return [.byteFallback]
    case "Fuse": return [.fuse]
    case "Replace":
      let content = Array(try view.required("content").string().utf8)
      return [.replace(from: try literalPattern(view), with: content)]
    case "Strip":
      return [
        .strip(
          content: Array(try view.required("content").string().utf8),
          start: try view.required("start").integer(), stop: try view.required("stop").integer())
      ]
    case "Metaspace":
      let mark = try view.string("replacement") ?? "▁"
      return [
        .metaspace(
          replacement: Array(mark.utf8), stripsFirst: try prependScheme(view) != .never)
      ]
    default: throw unsupported(view, kind)
    }
  }

  private static func readProcessor(
    _ view: JSONView, into pipeline: inout Tokenizer.Pipeline
  ) throws(TokenizerError) {
    let kind = try view.required("type").string()
    switch kind {
    case "ByteLevel": return
    case "Sequence":
      for part in try view.required("processors").elements() {
        try readProcessor(part, into: &pipeline)
      }
    case "TemplateProcessing": try readTemplate(view, into: &pipeline)
    default: throw unsupported(view, kind)
    }
  }

  private static func readTemplate(
    _ view: JSONView, into pipeline: inout Tokenizer.Pipeline
  ) throws(TokenizerError) {
    var isAfter = false
    for part in try view.required("single").elements() {
      if try part.member("Sequence") != nil {
        isAfter = true
        continue
      }
      let name = try part.required("SpecialToken").required("id").string()
      let entry = try view.required("special_tokens").required(name)
      for id in try entry.required("ids").elements() {
        let value = try id.integer()
        guard pipeline.model.tokens.text(value) != nil else {
          throw id.error("no token has the id \(value)")
        }
        if isAfter {
          pipeline.suffix.append(Int32(value))
        } else {
          pipeline.prefix.append(Int32(value))
        }
      }
    }
  }
}
