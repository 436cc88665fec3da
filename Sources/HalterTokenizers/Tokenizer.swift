import Foundation

/// The ids that have a part in the run of a text rather than in its words.
public struct SpecialTokens: Sendable, Equatable {
  /// Begins a text, or nil.
  public var bos: Int32?
  /// Ends a text, or nil.
  public var eos: Int32?
  /// Fills up batches of other tools, or nil.
  public var pad: Int32?
  /// Stands for what the vocabulary lacks, or nil.
  public var unknown: Int32?
  /// Ids other than `eos` at which generation must stop, ascending.
  public var additionalStops: [Int32] = []

  /// No special tokens.
  public init() {}

  /// Every id at which generation must stop.
  public var stops: [Int32] {
    guard let eos else { return additionalStops }
    return [eos] + additionalStops.filter { $0 != eos }
  }
}

extension Tokenizer {
  /// The same tokenizer, with which other tools pad batches with another token, or none.
  public func padding(with id: Int32?) -> Tokenizer {
    var tokenizer = self
    tokenizer.special.pad = id
    return tokenizer
  }
}

/// Text to token ids and back, by byte pair encoding.
///
/// The ids are those that the `tokenizers` library gives with the same tokenizer.json.
public struct Tokenizer: Sendable {
  /// The parts of the road from text to ids, in the order in which text meets them.
  struct Pipeline: Sendable {
    var normalizer: Normalizer?
    var preTokenizers: [PreTokenizer] = []
    var model: BytePairModel
    var decoders: [TokenDecoder] = []
    /// Ids put before and after a text by the post-processor.
    var prefix: [Int32] = []
    var suffix: [Int32] = []

    /// Whether something is put in front of a text that begins with the byte `first`.
    func marksStart(ofTextWith first: UInt8) -> Bool {
      if normalizer?.marksStart == true { return true }
      return preTokenizers.contains { step in
        switch step {
        case .byteLevel(let addPrefixSpace, _): addPrefixSpace && first != 32
        case .metaspace(_, let prepend, _): prepend != .never && first != 32
        case .split, .digits: false
        }
      }
    }
  }

  let pipeline: Pipeline
  /// Tokens that are found in text before it is split, in the order of the file.
  public let addedTokens: [AddedToken]
  /// The ids that have a part in the run of a text.
  public private(set) var special: SpecialTokens
  /// The jinja source of the checkpoint's chat template, or nil.
  public let chatTemplateText: String?
  /// The longest input that the checkpoint's tokenizer names, in tokens, or nil.
  public let maximumLength: Int?
  /// The bytes of the tokenizer.json that this was read from, or nil.
  let source: [UInt8]?

  private let rawFinder: AddedTokenFinder
  private let normalizedFinder: AddedTokenFinder
  /// Finds the added tokens of both kinds in text that is not normalized.
  let controlFinder: AddedTokenFinder
  private let scratches = EncodingScratchPool()
  private let addedByID: [Int32: AddedToken]

  init(
    pipeline: Pipeline, addedTokens: [AddedToken], special: SpecialTokens,
    chatTemplateText: String?, maximumLength: Int?, source: [UInt8]?
  ) {
    self.pipeline = pipeline
    self.addedTokens = addedTokens
    self.special = special
    self.chatTemplateText = chatTemplateText
    self.maximumLength = maximumLength
    self.source = source
    rawFinder = AddedTokenFinder(addedTokens.filter { !$0.isNormalized }) {
      Array($0.content.utf8)
    }
    normalizedFinder = AddedTokenFinder(addedTokens.filter(\.isNormalized)) {
      let text = Array($0.content.utf8)
      return pipeline.normalizer?.apply(text) ?? text
    }
    controlFinder = AddedTokenFinder(addedTokens) { Array($0.content.utf8) }
    addedByID = Dictionary(addedTokens.map { ($0.id, $0) }, uniquingKeysWith: { _, last in last })
  }

  /// One more than the greatest id.
  public var vocabularySize: Int { pipeline.model.tokens.count }

  /// The id of the token spelt `token` in the vocabulary, or nil. Tokens of a byte-level
  /// vocabulary are spelt in its byte alphabet (a space is `Ġ`).
  public func id(of token: String) -> Int32? { pipeline.model.tokens.find(token) }

  /// How the token `id` is spelt in the vocabulary; nil for an id without a token.
  public func token(_ id: Int32) -> String? {
    pipeline.model.tokens.text(Int(id)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Whether `id` is a control token, which is not part of any text.
  public func isSpecial(_ id: Int32) -> Bool { addedByID[id]?.isSpecial ?? false }

  /// The ids of `text`.
  ///
  /// - Parameters:
  ///   - text: Any text.
  ///   - parseSpecial: Whether the spelling of a control token becomes that token. Say false for
  ///     text from outside.
  ///   - addSpecial: Whether to put what the checkpoint asks for around the text, such as BOS.
  /// - Returns: The ids; empty for an empty text.
  public func encode(
    _ text: String, parseSpecial: Bool = true, addSpecial: Bool = false
  ) -> [Int32] {
    let bytes = Array(text.utf8)
    var tokens: [PlacedToken] = []
    tokens.reserveCapacity(bytes.count / 3 + 8)
    withScratch { scratch in
      encode(bytes, 0..<bytes.count, &scratch, into: &tokens) { !parseSpecial && $0.isSpecial }
    }
    let ids = tokens.map(\.id)
    return addSpecial ? pipeline.prefix + ids + pipeline.suffix : ids
  }

  /// Runs `body` with what encoding needs besides the vocabulary.
  func withScratch(_ body: (inout EncodingScratch) -> Void) { scratches.withScratch(body) }

  /// Appends the tokens of `bytes[range]`, which is whole characters.
  func encode(
    _ bytes: [UInt8], _ range: Range<Int>, _ scratch: inout EncodingScratch,
    into out: inout [PlacedToken], hiding isHidden: (AddedToken) -> Bool
  ) {
    var start = range.lowerBound
    for match in rawFinder.matches(bytes, range, hiding: isHidden) {
      encodePlain(bytes, start..<match.range.lowerBound, range, &scratch, &out, isHidden)
      out.append(
        PlacedToken(
          id: match.token.id, start: Int32(truncatingIfNeeded: match.range.lowerBound),
          end: Int32(truncatingIfNeeded: match.range.upperBound)))
      start = match.range.upperBound
    }
    encodePlain(bytes, start..<range.upperBound, range, &scratch, &out, isHidden)
  }

  /// Encodes text that holds no raw added token any more.
  private func encodePlain(
    _ bytes: [UInt8], _ range: Range<Int>, _ whole: Range<Int>, _ scratch: inout EncodingScratch,
    _ out: inout [PlacedToken], _ isHidden: (AddedToken) -> Bool
  ) {
    guard !range.isEmpty else { return }
    let isStart = range.lowerBound == whole.lowerBound
    guard let normalizer = pipeline.normalizer else {
      return encodeNormalized(AlignedText(bytes), range, isStart, &scratch, &out, isHidden)
    }
    let text = normalizer.apply(AlignedText(Array(bytes[range]), base: range.lowerBound))
    encodeNormalized(text, 0..<text.bytes.count, isStart, &scratch, &out, isHidden)
  }

  private func encodeNormalized(
    _ text: AlignedText, _ range: Range<Int>, _ isStart: Bool,
    _ scratch: inout EncodingScratch, _ out: inout [PlacedToken],
    _ isHidden: (AddedToken) -> Bool
  ) {
    var start = range.lowerBound
    for match in normalizedFinder.matches(text.bytes, range, hiding: isHidden) {
      let isFirst = isStart && start == range.lowerBound
      encodeWords(text, start..<match.range.lowerBound, isStart: isFirst, &scratch, &out)
      if !match.range.isEmpty {
        out.append(text.placed(match.token.id, match.range.lowerBound, match.range.upperBound))
      }
      start = match.range.upperBound
    }
    let isFirst = isStart && start == range.lowerBound
    encodeWords(text, start..<range.upperBound, isStart: isFirst, &scratch, &out)
  }

  private func encodeWords(
    _ text: AlignedText, _ range: Range<Int>, isStart: Bool, _ scratch: inout EncodingScratch,
    _ out: inout [PlacedToken]
  ) {
    guard !range.isEmpty else { return }
    var text = text
    scratch.pieces.reset(to: range)
    for step in pipeline.preTokenizers {
      step.apply(&text, &scratch.pieces, isTextStart: isStart)
    }
    var start = scratch.pieces.start
    for end in scratch.pieces.ends where end > start {
      pipeline.model.encode(text, start..<end, &scratch, into: &out)
      start = end
    }
  }

  /// The text of `ids`.
  ///
  /// - Parameters:
  ///   - ids: Token ids; one without a token adds nothing.
  ///   - skipSpecial: Whether control tokens are left out.
  /// - Returns: The text; bytes that are not UTF-8 become U+FFFD.
  public func decode(_ ids: [Int32], skipSpecial: Bool = true) -> String {
    var pieces: [[UInt8]] = []
    pieces.reserveCapacity(ids.count)
    for id in ids where !(skipSpecial && isSpecial(id)) {
      if let text = pipeline.model.tokens.text(Int(id)) { pieces.append(Array(text)) }
    }
    if pipeline.decoders.isEmpty {
      return pieces.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }
    for step in pipeline.decoders { pieces = step.apply(pieces) }
    return String(decoding: pieces.flatMap { $0 }, as: UTF8.self)
  }

  /// The bytes that the token `id` adds to a text; none for control tokens and unknown ids.
  /// A token may hold a part of a character only: see `StreamDecoder`.
  public func bytes(of id: Int32) -> [UInt8] {
    guard !isSpecial(id), let text = pipeline.model.tokens.text(Int(id)) else { return [] }
    var piece = Array(text)
    for step in pipeline.decoders {
      switch step {
      case .byteLevel: return ByteAlphabet.decode(text)
      case .byteFallback:
        if let byte = TokenDecoder.fallbackByte(piece) { return [byte] }
      case .replace(let from, let with):
        piece = Normalizer.replace(from, with, AlignedText(piece)).bytes
      case .metaspace(let mark, _):
        piece = Normalizer.replace(mark, [32], AlignedText(piece)).bytes
      case .fuse, .strip: break
      }
    }
    return piece
  }
}
