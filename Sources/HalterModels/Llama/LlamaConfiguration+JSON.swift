import Foundation
import HalterFormats
import HalterNN

extension LlamaConfiguration {
  /// The geometry from a `config.json`, with the defaults of `transformers`' LlamaConfig.
  /// - Throws: `ModelError` or `FormatError` naming the file and the key.
  public init(config file: ConfigFile) throws {
    let type = try file.require("model_type", file.string("model_type"))
    if type != "llama" {
      throw ModelError(
        path: file.path, "model_type is \"\(type)\"",
        mend: "Halter trains models of the Llama family (model_type \"llama\")")
    }
    if let activation = try file.string("hidden_act"), activation != "silu" {
      throw ModelError(path: file.path, "hidden_act is \"\(activation)\", only silu is supported")
    }
    if let quantization = try file.object("quantization_config") {
      let method = try quantization.string("quant_method")
      guard method == "bitsandbytes" else {
        throw ModelError(
          path: file.path, "the checkpoint is quantised by \"\(method ?? "an unnamed method")\"",
          mend: "Halter reads checkpoints of bitsandbytes; use one, the 16-bit checkpoint, or a "
            + "GGUF file")
      }
    }
    let hidden = try file.integer("hidden_size") ?? 4096
    let heads = try file.integer("num_attention_heads") ?? 32
    let context = try file.integer("max_position_embeddings") ?? 2048
    let headDim = try file.integer("head_dim")
    if heads <= 0 || (headDim == nil && hidden % heads != 0) {
      throw ModelError(
        path: file.path, "hidden_size \(hidden) does not divide into num_attention_heads \(heads)")
    }
    // A non-null rope_scaling replaces rope_parameters; theta in the object beats the top level.
    let scaling = try file.object("rope_scaling")
    let parameters = try file.object("rope_parameters")
    let rope = scaling ?? parameters
    let topTheta = try file.number("rope_theta")
    let innerTheta = try rope?.number("rope_theta")
    self.init(
      vocabularySize: try file.integer("vocab_size") ?? 32000,
      hiddenSize: hidden,
      intermediateSize: try file.integer("intermediate_size") ?? 11008,
      layers: try file.integer("num_hidden_layers") ?? 32,
      heads: heads,
      kvHeads: try file.integer("num_key_value_heads") ?? heads,
      headDim: headDim ?? hidden / heads,
      contextLength: context,
      normEpsilon: try file.number("rms_norm_eps") ?? 1e-6,
      ropeTheta: innerTheta ?? topTheta ?? 10000,
      ropeScaling: try Self.scaling(rope, context),
      tiesEmbeddings: try file.bool("tie_word_embeddings") ?? false,
      attentionBias: try file.bool("attention_bias") ?? false,
      mlpBias: try file.bool("mlp_bias") ?? false,
      initializerRange: try file.number("initializer_range") ?? 0.02)
    self = try validated(path: file.path)
  }

  private static func scaling(
    _ file: ConfigFile?, _ context: Int
  ) throws -> RotaryScaling {
    guard let file else { return .none }
    let new = try file.string("rope_type")
    let old = try file.string("type")
    let type = new ?? old ?? "default"
    let original = try file.integer("original_max_position_embeddings") ?? context
    func factor() throws -> Double {
      let factor = try file.require("factor", file.number("factor"))
      guard factor >= 1 else {
        throw ModelError(path: file.path, "factor is \(factor), expected at least 1")
      }
      return factor
    }
    switch type {
    case "default": return .none
    case "linear": return .linear(factor: try factor())
    case "dynamic": return .dynamic(factor: try factor(), originalLength: context)
    case "llama3":
      return .llama3(
        factor: try factor(),
        lowFrequency: try file.require("low_freq_factor", file.number("low_freq_factor")),
        highFrequency: try file.require("high_freq_factor", file.number("high_freq_factor")),
        originalLength: original)
    case "yarn":
      return .yarn(
        RotaryScaling.YaRN(
          factor: try factor(), originalLength: original,
          betaFast: try file.number("beta_fast") ?? 32,
          betaSlow: try file.number("beta_slow") ?? 1,
          attentionFactor: try file.number("attention_factor"),
          mscale: try file.number("mscale"), mscaleAllDim: try file.number("mscale_all_dim"),
          truncate: try file.bool("truncate") ?? true))
    default:
      throw ModelError(
        path: file.path, "rope type \"\(type)\" is not supported",
        mend: "Known types: default, linear, dynamic, llama3, yarn")
    }
  }

  /// The `config.json` of a causal checkpoint with this geometry, readable by transformers 4 and 5.
  /// - Parameters:
  ///   - dtype: `float32`, `bfloat16` or `float16`, of the weights beside it.
  ///   - bos, eos, pad: special token ids, where there are any.
  public func huggingFaceConfig(
    dtype: String, bos: Int32?, eos: [Int32], pad: Int32?
  ) throws(ModelError) -> [String: Any] {
    var rope: [String: Any] = ["rope_type": "default", "rope_theta": ropeTheta]
    switch ropeScaling {
    case .none: break
    case .linear(let factor): rope.merge(["rope_type": "linear", "factor": factor]) { $1 }
    case .dynamic(let factor, _): rope.merge(["rope_type": "dynamic", "factor": factor]) { $1 }
    case .llama3(let factor, let low, let high, let original):
      rope.merge([
        "rope_type": "llama3", "factor": factor, "low_freq_factor": low,
        "high_freq_factor": high, "original_max_position_embeddings": original,
      ]) { $1 }
    case .yarn(let yarn):
      rope.merge([
        "rope_type": "yarn", "factor": yarn.factor, "beta_fast": yarn.betaFast,
        "beta_slow": yarn.betaSlow, "truncate": yarn.truncate,
        "original_max_position_embeddings": yarn.originalLength,
      ]) { $1 }
      if let value = yarn.attentionFactor { rope["attention_factor"] = value }
      if let value = yarn.mscale { rope["mscale"] = value }
      if let value = yarn.mscaleAllDim { rope["mscale_all_dim"] = value }
    case .divisors:
      throw ModelError(
        path: "config.json",
        "the rotary divisors of the GGUF file are not those of a known scaling",
        mend: "Start from the Hugging Face checkpoint to export one")
    }
    var config: [String: Any] = [
      "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
      "vocab_size": vocabularySize, "hidden_size": hiddenSize,
      "intermediate_size": intermediateSize, "num_hidden_layers": layers,
      "num_attention_heads": heads, "num_key_value_heads": kvHeads, "head_dim": headDim,
      "max_position_embeddings": contextLength, "rms_norm_eps": normEpsilon,
      "tie_word_embeddings": tiesEmbeddings, "attention_bias": attentionBias,
      "mlp_bias": mlpBias, "initializer_range": initializerRange, "attention_dropout": 0.0,
      "use_cache": true, "torch_dtype": dtype, "dtype": dtype, "rope_parameters": rope,
      "rope_theta": ropeTheta,
    ]
    // Readers before version 5 know only the older pair of keys.
    if ropeScaling != .none { config["rope_scaling"] = rope }
    if let bos { config["bos_token_id"] = Int(bos) }
    if let pad { config["pad_token_id"] = Int(pad) }
    if let first = eos.first {
      config["eos_token_id"] = eos.count == 1 ? Int(first) as Any : eos.map { Int($0) }
    }
    return config
  }
}
