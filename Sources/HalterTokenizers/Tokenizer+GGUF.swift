extension Tokenizer {
  /// The tokenizer of a GGUF file; its ids are those of the checkpoint the file was made from.
  ///
  /// - Parameter gguf: The tokenizer keys of the file.
  /// - Throws: `TokenizerError` naming the key at fault.
  public init(gguf: GGUFVocabulary) throws(TokenizerError) {
    let reader = GGUFTokenizerReader(gguf)
    let tokens = try reader.tokenTable()
    var pipeline: Pipeline
    switch gguf.model {
    case "gpt2": pipeline = try reader.byteLevel(tokens)
    case "llama": pipeline = try reader.sentencePiece(tokens)
    default:
      throw TokenizerError(
        .unsupported, "the tokenizer model \"\(gguf.model)\" is not supported",
        at: "tokenizer.ggml.model", mend: "gpt2 and llama are")
    }
    let added = reader.addedTokens()
    let special = try reader.special(pipeline, added)
    if reader.addsBOS, let bos = special.bos { pipeline.prefix = [bos] }
    if gguf.addEOS ?? false, let eos = special.eos { pipeline.suffix = [eos] }
    self.init(
      pipeline: pipeline, addedTokens: added, special: special,
      chatTemplateText: gguf.chatTemplate, maximumLength: gguf.contextLength, source: nil)
  }

  /// Whether `encode` with `addSpecial` puts the BOS token first.
  public var addsBOS: Bool { special.bos != nil && pipeline.prefix.first == special.bos }
}

/// Builds the parts of a tokenizer from GGUF keys.
private struct GGUFTokenizerReader {
  private let gguf: GGUFVocabulary
  private let splitter: Splitter?

  /// What a name in `tokenizer.ggml.pre` stands for.
  private struct Splitter {
    var steps: [PreTokenizer]
    var ignoresMerges = false
    var composes = false
    var addsBOS = false
  }

  init(_ gguf: GGUFVocabulary) {
    self.gguf = gguf
    splitter = Self.splitter(gguf.pre ?? "default")
  }

  private static func splitter(_ name: String) -> Splitter? {
    let plain = PreTokenizer.byteLevel(addPrefixSpace: false, useRegex: false)
    let gpt2 = PreTokenizer.byteLevel(addPrefixSpace: false, useRegex: true)
    switch name {
    case "default", "gpt-2", "gpt2", "mpt", "olmo", "jais": return Splitter(steps: [gpt2])
    case "smollm", "starcoder", "refact", "codeshell", "command-r", "exaone":
      return Splitter(steps: [.digits(individual: true), gpt2])
    case "llama-bpe", "llama3", "llama-v3", "falcon3":
      return Splitter(
        steps: [.split(.cl100k(digits: 3)), plain], ignoresMerges: true, addsBOS: true)
    case "qwen2", "deepseek-r1-qwen", "megrez":
      return Splitter(steps: [.split(.cl100k(digits: 1)), plain], composes: true)
    default: return nil
    }
  }

  var addsBOS: Bool {
    gguf.addBOS ?? (gguf.model == "llama" || splitter?.addsBOS == true)
  }

  private func type(_ id: Int) -> GGUFVocabulary.TokenType {
    gguf.types.isEmpty ? .normal : GGUFVocabulary.TokenType(rawValue: gguf.types[id]) ?? .normal
  }

  func tokenTable() throws(TokenizerError) -> TokenTable {
    guard gguf.types.isEmpty || gguf.types.count == gguf.tokens.count else {
      throw TokenizerError(
        .malformed, "\(gguf.types.count) types for \(gguf.tokens.count) tokens",
        at: "tokenizer.ggml.token_type")
    }
    var table = TokenTable(capacity: gguf.tokens.count)
    var text: [UInt8] = []
    for (id, token) in gguf.tokens.enumerated() {
      text.removeAll(keepingCapacity: true)
      text.append(contentsOf: token.utf8)
      do {
        try table.insert(text, 0..<text.count, id: id)
      } catch {
        throw error.within("tokenizer.ggml.tokens")
      }
    }
    return table
  }

  func byteLevel(_ tokens: TokenTable) throws(TokenizerError) -> Tokenizer.Pipeline {
    guard let splitter else {
      throw TokenizerError(
        .unsupported, "the splitting pattern \"\(gguf.pre ?? "")\" is not known",
        at: "tokenizer.ggml.pre",
        mend: "known are gpt-2, smollm, llama-bpe, qwen2 and their kin; "
          + "or use the checkpoint's tokenizer.json")
    }
    var builder = MergeBuilder(capacity: gguf.merges.count, tokens: tokens)
    var text: [UInt8] = []
    for (rank, line) in gguf.merges.enumerated() {
      text.removeAll(keepingCapacity: true)
      text.append(contentsOf: line.utf8)
      guard let split = MergeBuilder.removeOnlySpace(&text),
        builder.add(text, split: split, rank: rank)
      else {
        throw TokenizerError(
          .malformed, "the merge \"\(line)\" is not of two tokens that join to a third",
          at: "tokenizer.ggml.merges[\(rank)]")
      }
    }
    var model = BytePairModel(tokens: tokens, merges: builder.table, isByteLevel: true)
    model.ignoresMerges = splitter.ignoresMerges
    var pipeline = Tokenizer.Pipeline(model: model)
    pipeline.normalizer = splitter.composes ? .nfc : nil
    pipeline.preTokenizers = splitter.steps
    pipeline.decoders = [.byteLevel]
    return pipeline
  }

  func sentencePiece(_ tokens: TokenTable) throws(TokenizerError) -> Tokenizer.Pipeline {
    guard gguf.scores.count == gguf.tokens.count else {
      throw TokenizerError(
        .malformed, "\(gguf.scores.count) scores for \(gguf.tokens.count) tokens",
        at: "tokenizer.ggml.scores")
    }
    var model = BytePairModel(tokens: tokens, merges: pieceMerges(tokens), isByteLevel: false)
    model.hasByteFallback = true
    model.fusesUnknown = true
    model.unknown = gguf.tokens.indices.first { type($0) == .unknown }.map(Int32.init)
    let mark = Array("▁".utf8)
    let prefixes = gguf.addSpacePrefix ?? true
    let spaces = Normalizer.replace(from: [32], with: mark)
    var pipeline = Tokenizer.Pipeline(model: model)
    pipeline.normalizer = .sequence(prefixes ? [.prepend(mark), spaces] : [spaces])
    pipeline.decoders = [.replace(from: mark, with: [32]), .byteFallback, .fuse]
    if prefixes { pipeline.decoders.append(.strip(content: [32], start: 1, stop: 0)) }
    return pipeline
  }

  /// SentencePiece joins the neighbours whose joint piece scores highest; as rules: every way to
  /// cut a piece in two pieces, ordered by score.
  private func pieceMerges(_ tokens: TokenTable) -> MergeTable {
    let order = gguf.tokens.indices.filter { type($0) == .normal }.sorted {
      (gguf.scores[$1], $0) < (gguf.scores[$0], $1)
    }
    var rules: [(left: Int32, right: Int32, merged: Int32)] = []
    for id in order {
      let text = Array(gguf.tokens[id].utf8)
      for cut in text.indices.dropFirst() where text[cut] & 0xC0 != 0x80 {
        let left = tokens.find(text, 0..<cut)
        guard left >= 0, type(Int(left)) == .normal else { continue }
        let right = tokens.find(text, cut..<text.count)
        guard right >= 0, type(Int(right)) == .normal else { continue }
        rules.append((left, right, Int32(id)))
      }
    }
    var table = MergeTable(capacity: rules.count)
    for (rank, rule) in rules.enumerated() {
      table.insert(rule.left, rule.right, rank: rank, merged: rule.merged)
    }
    return table
  }

  func addedTokens() -> [AddedToken] {
    gguf.types.indices.compactMap { id in
      guard !gguf.tokens[id].isEmpty else { return nil }
      switch type(id) {
      case .control, .unknown: return AddedToken(id: Int32(id), content: gguf.tokens[id])
      case .userDefined:
        var token = AddedToken(id: Int32(id), content: gguf.tokens[id])
        token.isSpecial = false
        return token
      case .normal, .unused, .byte: return nil
      }
    }
  }

  func special(
    _ pipeline: Tokenizer.Pipeline, _ added: [AddedToken]
  ) throws(TokenizerError) -> SpecialTokens {
    var out = TokenizerConfig().specialTokens(pipeline, added)
    let ids = [
      ("bos", gguf.bos), ("eos", gguf.eos), ("unknown", gguf.unknown), ("padding", gguf.pad),
    ]
    for case (let name, let id?) in ids + gguf.turnEnds.map({ ("eot", $0) }) {
      guard gguf.tokens.indices.contains(Int(id)) else {
        throw TokenizerError(
          .malformed, "id \(id) is outside the \(gguf.tokens.count) tokens",
          at: "tokenizer.ggml.\(name)_token_id")
      }
    }
    out.bos = gguf.bos
    out.eos = gguf.eos
    out.pad = gguf.pad
    out.unknown = gguf.unknown ?? out.unknown
    out.additionalStops = Set(out.additionalStops + gguf.turnEnds).subtracting([gguf.eos ?? -1])
      .sorted()
    return out
  }
}
