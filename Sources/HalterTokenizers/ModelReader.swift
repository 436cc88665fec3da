import HalterJSON

/// Reads the `model` of a tokenizer.json: vocabulary, merges and flags.
struct ModelReader {
  private let view: JSONView

  init(_ view: JSONView) {
    self.view = view
  }

  func read(isByteLevel: Bool) throws(TokenizerError) -> BytePairModel {
    let kind = try view.string("type") ?? "BPE"
    guard kind == "BPE" else { throw TokenizerFile.unsupported(view, kind) }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      guard try view.string(key) ?? "" == "" else {
        throw TokenizerError(.unsupported, "\(key) is not supported", at: view.path)
      }
    }
    if let dropout = try view.member("dropout"), dropout.value.double != 0 {
      throw TokenizerError(
        .unsupported, "BPE dropout is not supported", at: dropout.path, mend: "set it to null")
    }
    let tokens = try vocabulary(try view.required("vocab"))
    let merges = try merges(try view.required("merges"), tokens)
    var model = BytePairModel(tokens: tokens, merges: merges, isByteLevel: isByteLevel)
    model.ignoresMerges = try view.bool("ignore_merges", default: false)
    model.fusesUnknown = try view.bool("fuse_unk", default: false)
    model.hasByteFallback = try view.bool("byte_fallback", default: false)
    if let unknown = try view.string("unk_token") {
      guard let id = tokens.find(unknown) else {
        throw view.error("unk_token is \"\(unknown)\", which is not in the vocabulary")
      }
      model.unknown = id
    }
    return model
  }

  private func vocabulary(_ vocab: JSONView) throws(TokenizerError) -> TokenTable {
    let members = try vocab.object()
    var tokens = TokenTable(capacity: members.count)
    var text: [UInt8] = []
    for member in members {
      text.removeAll(keepingCapacity: true)
      member.appendKey(to: &text)
      guard let id = member.value.integer else {
        throw vocab.error(
          "the id of \"\(String(decoding: text, as: UTF8.self))\" is not a whole number")
      }
      do {
        try tokens.insert(text, 0..<text.count, id: id)
      } catch {
        throw error.within(vocab.path)
      }
    }
    return tokens
  }

  /// Reads `["a", "b"]` pairs and the older `"a b"` lines.
  private func merges(_ list: JSONView, _ tokens: TokenTable) throws(TokenizerError) -> MergeTable {
    let rules = try list.array()
    var builder = MergeBuilder(capacity: rules.count, tokens: tokens)
    var text: [UInt8] = []
    for (rank, rule) in rules.enumerated() {
      text.removeAll(keepingCapacity: true)
      guard let split = Self.read(rule, to: &text) else {
        throw TokenizerError(
          .malformed, "a merge is not two tokens", at: "\(list.path)[\(rank)]")
      }
      guard builder.add(text, split: split, rank: rank) else {
        throw TokenizerError(
          .malformed,
          "the merge of \"\(String(decoding: text[..<split], as: UTF8.self))\" and "
            + "\"\(String(decoding: text[split...], as: UTF8.self))\" needs a token that the "
            + "vocabulary lacks", at: "\(list.path)[\(rank)]")
      }
    }
    return builder.table
  }

  /// Appends both tokens of a rule and tells where the second starts; nil if there are not two.
  private static func read(_ rule: JSONValue, to text: inout [UInt8]) -> Int? {
    guard let pair = rule.array else {
      return rule.appendText(to: &text) ? MergeBuilder.removeOnlySpace(&text) : nil
    }
    var tokens = pair.makeIterator()
    guard let left = tokens.next(), let right = tokens.next(), tokens.next() == nil,
      left.appendText(to: &text)
    else { return nil }
    let split = text.count
    return right.appendText(to: &text) ? split : nil
  }
}

/// Turns pairs of texts into merge rules.
struct MergeBuilder {
  private(set) var table: MergeTable
  private let tokens: TokenTable

  init(capacity: Int, tokens: TokenTable) {
    table = MergeTable(capacity: capacity)
    self.tokens = tokens
  }

  /// Adds the rule that joins `text[..<split]` and `text[split...]`; false if the vocabulary
  /// lacks one of the three tokens.
  mutating func add(_ text: [UInt8], split: Int, rank: Int) -> Bool {
    let left = tokens.find(text, 0..<split)
    let right = tokens.find(text, split..<text.count)
    let merged = tokens.find(text, 0..<text.count)
    guard left >= 0, right >= 0, merged >= 0 else { return false }
    table.insert(left, right, rank: rank, merged: merged)
    return true
  }

  /// Takes the one space out of `a b` and tells where it was; nil if there is not just one.
  static func removeOnlySpace(_ text: inout [UInt8]) -> Int? {
    guard let place = text.firstIndex(of: 32), !text[(place + 1)...].contains(32) else {
      return nil
    }
    text.remove(at: place)
    return place
  }
}
