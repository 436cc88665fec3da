import Foundation
import HalterData
import HalterTokenizers

/// A byte-level tokenizer with a handful of merges and the special tokens of all templates.
enum TinyTokenizer {
  static let specials = [
    "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|end_of_text|>",
    "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
  ]
  static let merges = [["h", "e"], ["l", "l"], ["he", "ll"], ["Ċ", "Ċ"], ["Ġ", "t"]]

  /// A tokenizer of 256 bytes, the merges, and the special tokens that are asked for; `addsBOS`
  /// has its post-processor open every text with BOS.
  static func make(
    bos: String = "<s>", eos: String = "</s>", pad: String? = nil, addsBOS: Bool = false,
    specials: [String] = specials
  ) throws -> Tokenizer {
    var vocabulary: [String: Int] = [:]
    for character in byteCharacters { vocabulary[character] = vocabulary.count }
    for pair in merges { vocabulary[pair.joined()] = vocabulary.count }
    let first = vocabulary.count
    let added = specials.enumerated().map { index, content in
      [
        "id": first + index, "content": content, "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true,
      ] as [String: Any]
    }
    var file: [String: Any] = [
      "version": "1.0", "added_tokens": added,
      "pre_tokenizer": [
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false,
      ] as [String: Any],
      "decoder": [
        "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
      ] as [String: Any],
      "model": [
        "type": "BPE", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
        "vocab": vocabulary, "merges": merges,
      ] as [String: Any],
    ]
    if addsBOS, let index = specials.firstIndex(of: bos) {
      file["post_processor"] = processor(bos: bos, id: first + index)
    }
    return try load(file, bos: bos, eos: eos, pad: pad)
  }

  /// A tokenizer as Llama 2's: spaces are `▁`, one is put before each text, and what is not in the
  /// vocabulary falls back to bytes.
  static func makeSentencePiece(
    more: [String] = [], addsBOS: Bool = false
  ) throws -> Tokenizer {
    let merges = [["▁", "H"], ["▁", "["]]
    let specials = ["<unk>", "<s>", "</s>"] + more
    var tokens = specials
    tokens += (0..<256).map { "<0x" + String(format: "%02X", $0) + ">" }
    tokens +=
      ["▁"] + (33..<127).map { String(UnicodeScalar(UInt8($0))) } + merges.map { $0.joined() }
    let added = specials.enumerated().map { index, content in
      [
        "id": index, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true,
      ] as [String: Any]
    }
    let replace = ["type": "Replace", "pattern": ["String": " "], "content": "▁"] as [String: Any]
    let restore = ["type": "Replace", "pattern": ["String": "▁"], "content": " "] as [String: Any]
    var file: [String: Any] = [
      "version": "1.0", "added_tokens": added,
      "normalizer": [
        "type": "Sequence", "normalizers": [["type": "Prepend", "prepend": "▁"], replace],
      ] as [String: Any],
      "decoder": [
        "type": "Sequence",
        "decoders": [
          restore, ["type": "ByteFallback"], ["type": "Fuse"],
          ["type": "Strip", "content": " ", "start": 1, "stop": 0],
        ],
      ] as [String: Any],
      "model": [
        "type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
        "ignore_merges": false,
        "vocab": Dictionary(uniqueKeysWithValues: zip(tokens, tokens.indices)), "merges": merges,
      ] as [String: Any],
    ]
    if addsBOS { file["post_processor"] = processor(bos: "<s>", id: 1) }
    return try load(file, bos: "<s>", eos: "</s>")
  }

  /// Puts BOS before every text.
  private static func processor(bos: String, id: Int) -> [String: Any] {
    let token = ["id": bos, "ids": [id], "tokens": [bos]] as [String: Any]
    let sequence = ["Sequence": ["id": "A", "type_id": 0] as [String: Any]]
    let special = ["SpecialToken": ["id": bos, "type_id": 0] as [String: Any]]
    return [
      "type": "TemplateProcessing", "single": [special, sequence],
      "pair": [special, sequence], "special_tokens": [bos: token],
    ]
  }

  private static func load(
    _ file: [String: Any], bos: String, eos: String, pad: String? = nil
  ) throws -> Tokenizer {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("halter-tiny-tokenizer-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    var config: [String: Any] = [
      "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": bos, "eos_token": eos,
    ]
    if let pad { config["pad_token"] = pad }
    for (name, object) in [("tokenizer.json", file), ("tokenizer_config.json", config)] {
      try JSONSerialization.data(withJSONObject: object)
        .write(to: directory.appendingPathComponent(name))
    }
    return try Tokenizer.load(directory: directory)
  }

  /// GPT-2's visible characters for the 256 bytes, in byte order.
  private static let byteCharacters: [String] = {
    var shifted: UInt32 = 0x100
    return (UInt32(0)..<256).map { byte in
      if (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174 {
        return Unicode.Scalar(byte).map(String.init) ?? ""
      }
      defer { shifted += 1 }
      return Unicode.Scalar(shifted).map(String.init) ?? ""
    }
  }()

  /// The text of a row with its trained stretches in «…», and `|` between tokens if asked.
  static func marked(_ row: TokenizedRow, _ tokenizer: Tokenizer, split: Bool = false) -> String {
    var bytes: [UInt8] = []
    var open = false
    for (index, (id, weight)) in zip(row.tokens, row.lossWeights).enumerated() {
      if open, weight == 0 { bytes += "»".utf8 }
      if split, index > 0 { bytes += "|".utf8 }
      if !open, weight != 0 { bytes += "«".utf8 }
      open = weight != 0
      let special = tokenizer.isSpecial(id) ? tokenizer.token(id) : nil
      bytes += special.map { Array($0.utf8) } ?? tokenizer.bytes(of: id)
    }
    if open { bytes += "»".utf8 }
    return String(decoding: bytes, as: UTF8.self)
  }
}
