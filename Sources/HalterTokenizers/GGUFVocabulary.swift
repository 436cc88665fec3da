/// The tokenizer keys of a GGUF file, as plain values.
public struct GGUFVocabulary: Sendable {
  /// `tokenizer.ggml.model`: "gpt2" (byte-level BPE) or "llama" (SentencePiece).
  public var model: String
  /// `tokenizer.ggml.pre`: the name of the splitting pattern; nil if the key is missing.
  public var pre: String?
  /// `tokenizer.ggml.tokens`, indexed by id.
  public var tokens: [String]
  /// `tokenizer.ggml.token_type`; empty means all normal.
  public var types: [Int32] = []
  /// `tokenizer.ggml.scores`; only "llama" has them.
  public var scores: [Float] = []
  /// `tokenizer.ggml.merges`, as "a b"; only "gpt2" has them.
  public var merges: [String] = []
  /// `tokenizer.ggml.bos_token_id`.
  public var bos: Int32?
  /// `tokenizer.ggml.eos_token_id`.
  public var eos: Int32?
  /// `tokenizer.ggml.unknown_token_id`.
  public var unknown: Int32?
  /// `tokenizer.ggml.padding_token_id`.
  public var pad: Int32?
  /// `tokenizer.ggml.eot_token_id` and `tokenizer.ggml.eom_token_id`, those that are there.
  public var turnEnds: [Int32] = []
  /// `tokenizer.ggml.add_bos_token`; nil if the key is missing.
  public var addBOS: Bool?
  /// `tokenizer.ggml.add_eos_token`; nil if the key is missing.
  public var addEOS: Bool?
  /// `tokenizer.ggml.add_space_prefix`; nil if the key is missing.
  public var addSpacePrefix: Bool?
  /// `tokenizer.chat_template`.
  public var chatTemplate: String?
  /// `<architecture>.context_length`: written as the tokenizer's longest input.
  public var contextLength: Int?

  /// A vocabulary of `tokens` for the tokenizer `model`.
  public init(model: String, pre: String? = nil, tokens: [String]) {
    self.model = model
    self.pre = pre
    self.tokens = tokens
  }

  /// What a token is, by its number in `tokenizer.ggml.token_type`.
  enum TokenType: Int32 {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }
}
