import Foundation
import HalterFormats
import HalterNN

extension LlamaConfiguration {
  /// The geometry from the metadata of a GGUF file.
  /// - Throws: `ModelError` or `FormatError` naming the file and the key.
  init(gguf file: GGUFFile) throws {
    let metadata = file.metadata
    let architecture = try metadata.string("general.architecture")
    if architecture != "llama" {
      throw ModelError(
        path: file.url.path, "general.architecture is \"\(architecture)\"",
        mend: "Halter trains models of the Llama family (architecture \"llama\")")
    }
    func optional(_ key: String) throws -> Int? {
      metadata["llama.\(key)"] == nil ? nil : try metadata.integer("llama.\(key)")
    }
    func optionalNumber(_ key: String) throws -> Double? {
      metadata["llama.\(key)"] == nil ? nil : try metadata.float("llama.\(key)")
    }
    let hidden = try metadata.integer("llama.embedding_length")
    let heads = try metadata.integer("llama.attention.head_count")
    let context = try metadata.integer("llama.context_length")
    guard let embedding = file.record(named: "token_embd.weight"), let rows = embedding.shape.first
    else {
      throw ModelError(path: file.url.path, "has no tensor token_embd.weight")
    }
    guard heads > 0 else { throw ModelError(path: file.url.path, "head_count is \(heads)") }
    let rope = try optional("rope.dimension_count")
    let headDim = try optional("attention.key_length") ?? rope ?? hidden / heads
    if let rope, rope != headDim {
      throw ModelError(
        path: file.url.path, "rotates \(rope) of \(headDim) dimensions, which is not supported")
    }
    let theta = try optionalNumber("rope.freq_base") ?? 10000
    self.init(
      vocabularySize: rows,
      hiddenSize: hidden,
      intermediateSize: try metadata.integer("llama.feed_forward_length"),
      layers: try metadata.integer("llama.block_count"),
      heads: heads,
      kvHeads: try optional("attention.head_count_kv") ?? heads,
      headDim: headDim,
      contextLength: context,
      normEpsilon: try metadata.float("llama.attention.layer_norm_rms_epsilon"),
      ropeTheta: theta,
      ropeScaling: try Self.scaling(file, headDim: headDim, theta: theta, context: context),
      tiesEmbeddings: file.record(named: "output.weight") == nil,
      attentionBias: file.record(named: "blk.0.attn_q.bias") != nil,
      mlpBias: file.record(named: "blk.0.ffn_gate.bias") != nil,
      initializerRange: 0.02)
    // f32 metadata such as 1e-5 should read as the decimal it was written from.
    normEpsilon = Double("\(Float(normEpsilon))") ?? normEpsilon
    self = try validated(path: file.url.path)
  }

  private static func scaling(
    _ file: GGUFFile, headDim: Int, theta: Double, context: Int
  ) throws -> RotaryScaling {
    if let record = file.record(named: "rope_freqs.weight") {
      guard record.type == .f32, record.elementCount == headDim / 2 else {
        throw ModelError(
          path: file.url.path,
          "rope_freqs.weight has \(record.elementCount) values, expected \(headDim / 2) of f32")
      }
      let divisors = try file.floats(of: record)
      return recognised(divisors, headDim: headDim, theta: theta)
    }
    let metadata = file.metadata
    guard metadata["llama.rope.scaling.type"] != nil else { return .none }
    let type = try metadata.string("llama.rope.scaling.type")
    if type == "none" { return .none }
    let factor = try metadata.float("llama.rope.scaling.factor")
    switch type {
    case "linear": return .linear(factor: factor)
    case "yarn":
      let key = "llama.rope.scaling.original_context_length"
      return .yarn(
        RotaryScaling.YaRN(
          factor: factor,
          originalLength: metadata[key] == nil ? context : try metadata.integer(key)))
    default:
      throw ModelError(path: file.url.path, "rope scaling \"\(type)\" is not supported")
    }
  }

  /// GGUF stores Llama 3.1's scaling as divisors of the frequencies; the formula is recovered from
  /// them where it is the published one, so that an export can name it.
  private static func recognised(
    _ divisors: [Float], headDim: Int, theta: Double
  ) -> RotaryScaling {
    let factor = Double(divisors.max() ?? 1)
    let candidate = RotaryScaling.llama3(
      factor: factor, lowFrequency: 1, highFrequency: 4, originalLength: 8192)
    let plain = RotaryEmbedding(headDim: headDim, theta: theta).frequencies(length: 1)
    let scaled = RotaryEmbedding(headDim: headDim, theta: theta, scaling: candidate)
      .frequencies(length: 1)
    let matches = zip(zip(plain, scaled), divisors).allSatisfy { pair, divisor in
      abs(pair.0 / pair.1 / Double(divisor) - 1) < 1e-4
    }
    return matches ? candidate : .divisors(divisors)
  }
}
