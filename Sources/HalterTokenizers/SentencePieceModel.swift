extension Tokenizer {
  /// The tokenizer of a SentencePiece `tokenizer.model` of the BPE kind, as Llama 2 has it.
  ///
  /// - Parameter bytes: The file: a protobuf `ModelProto`.
  /// - Throws: `TokenizerError` for a broken file, or for a kind other than BPE.
  public init(sentencePiece bytes: [UInt8]) throws(TokenizerError) {
    try self.init(gguf: GGUFVocabulary(sentencePiece: bytes))
  }
}

extension GGUFVocabulary {
  /// The vocabulary of a SentencePiece `tokenizer.model`, in the terms of a GGUF file.
  init(sentencePiece bytes: [UInt8]) throws(TokenizerError) {
    self.init(model: "llama", tokens: [])
    var file = ProtobufReader(bytes[...])
    // Ids 0, 1, 2 and no padding are what an absent field means.
    (unknown, bos, eos) = (0, 1, 2)
    var isBPE = false
    while let field = try file.next() {
      switch (field.number, field.value) {
      case (1, .bytes(let piece)): try addPiece(piece)
      case (2, .bytes(let trainer)): isBPE = try readTrainer(trainer)
      case (3, .bytes(let normalizer)): try readNormalizer(normalizer)
      default: break
      }
    }
    guard isBPE else {
      throw TokenizerError(
        .unsupported, "the SentencePiece model is not of the BPE kind", at: "tokenizer.model")
    }
    let known = tokens.count
    let valid = { (id: Int32?) in id.flatMap { $0 >= 0 && Int($0) < known ? $0 : nil } }
    (bos, eos, unknown, pad) = (valid(bos), valid(eos), valid(unknown), valid(pad))
  }

  private mutating func addPiece(_ bytes: ArraySlice<UInt8>) throws(TokenizerError) {
    var message = ProtobufReader(bytes)
    var text = ""
    var score: Float = 0
    var type: Int32 = 1
    while let field = try message.next() {
      switch (field.number, field.value) {
      case (1, .bytes(let piece)): text = String(decoding: piece, as: UTF8.self)
      case (2, .fixed32(let bits)): score = Float(bitPattern: bits)
      case (3, .varint(let value)): type = Int32(truncatingIfNeeded: value)
      default: break
      }
    }
    tokens.append(text)
    scores.append(score)
    types.append(type)
  }

  /// Reads the ids of the special tokens, and whether the model is BPE.
  private mutating func readTrainer(_ bytes: ArraySlice<UInt8>) throws(TokenizerError) -> Bool {
    var message = ProtobufReader(bytes)
    var isBPE = false
    while let field = try message.next() {
      guard case .varint(let value) = field.value else { continue }
      let id = Int32(truncatingIfNeeded: value)
      switch field.number {
      case 3: isBPE = value == 2
      case 40: unknown = id
      case 41: bos = id
      case 42: eos = id
      case 43: pad = id
      default: break
      }
    }
    return isBPE
  }

  private mutating func readNormalizer(_ bytes: ArraySlice<UInt8>) throws(TokenizerError) {
    var message = ProtobufReader(bytes)
    var removesSpaces = true
    while let field = try message.next() {
      switch (field.number, field.value) {
      case (2, .bytes(let map)) where !map.isEmpty:
        throw TokenizerError(
          .unsupported, "the SentencePiece model rewrites characters before it splits",
          at: "tokenizer.model", mend: "use the checkpoint's tokenizer.json")
      case (3, .varint(let value)): addSpacePrefix = value != 0
      case (4, .varint(let value)): removesSpaces = value != 0
      default: break
      }
    }
    guard !removesSpaces else {
      throw TokenizerError(
        .unsupported, "the SentencePiece model removes extra spaces", at: "tokenizer.model",
        mend: "use the checkpoint's tokenizer.json")
    }
  }
}

/// Reads the fields of a protobuf message.
private struct ProtobufReader {
  enum Value {
    case varint(UInt64)
    case fixed32(UInt32)
    case fixed64
    case bytes(ArraySlice<UInt8>)
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) {
    rest = bytes
  }

  /// The next field, or nil at the end.
  mutating func next() throws(TokenizerError) -> (number: Int, value: Value)? {
    guard !rest.isEmpty else { return nil }
    let tag = try varint()
    let number = Int(truncatingIfNeeded: tag >> 3)
    switch tag & 7 {
    case 0: return (number, .varint(try varint()))
    case 1:
      _ = try take(8)
      return (number, .fixed64)
    case 2:
      let length = try varint()
      guard length <= UInt64(rest.count) else { throw torn() }
      return (number, .bytes(try take(Int(length))))
    case 5:
      let value = try take(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      return (number, .fixed32(value))
    default: throw torn()
    }
  }

  private func torn() -> TokenizerError {
    TokenizerError(
      .malformed, "not a SentencePiece model", at: "tokenizer.model, byte \(rest.startIndex)",
      mend: "fetch the file again")
  }

  private mutating func take(_ count: Int) throws(TokenizerError) -> ArraySlice<UInt8> {
    guard count <= rest.count else { throw torn() }
    let taken = rest.prefix(count)
    rest = rest.dropFirst(count)
    return taken
  }

  private mutating func varint() throws(TokenizerError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { throw torn() }
      if shift < 64 { value |= UInt64(byte & 0x7F) << shift }
      if byte < 0x80 { return value }
    }
    throw torn()
  }
}
