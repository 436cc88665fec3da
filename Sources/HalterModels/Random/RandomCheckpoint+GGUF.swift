import Foundation
import HalterBackend
import HalterFormats
import HalterTokenizers

extension RandomCheckpoint {
  func writeGGUF(to url: URL) throws {
    let sources = try configuration.tensorShapes.map { tensor in
      guard let name = LlamaNames.gguf(tensor.name) else {
        throw ModelError(path: url.path, "GGUF has no name for \(tensor.name)")
      }
      return try source(
        tensor, as: tensor.shape.count == 2 ? format.element : .f32, named: name)
    }
    try GGUFWriter.write(metadata: metadata, tensors: sources, to: url)
  }

  private var metadata: [(key: String, value: GGUFValue)] {
    let c = configuration
    func number(_ value: Int) -> GGUFValue { .uint32(UInt32(clamping: value)) }
    return [
      ("general.architecture", .string("llama")), ("general.type", .string("model")),
      ("general.name", .string("random weights, seed \(seed)")),
      ("llama.context_length", number(c.contextLength)),
      ("llama.embedding_length", number(c.hiddenSize)),
      ("llama.block_count", number(c.layers)),
      ("llama.feed_forward_length", number(c.intermediateSize)),
      ("llama.attention.head_count", number(c.heads)),
      ("llama.attention.head_count_kv", number(c.kvHeads)),
      ("llama.attention.key_length", number(c.headDim)),
      ("llama.attention.value_length", number(c.headDim)),
      ("llama.attention.layer_norm_rms_epsilon", .float32(Float(c.normEpsilon))),
      ("llama.rope.dimension_count", number(c.headDim)),
      ("llama.rope.freq_base", .float32(Float(c.ropeTheta))),
      ("llama.vocab_size", number(c.vocabularySize)),
      ("tokenizer.ggml.model", .string(vocabulary.model)),
      ("tokenizer.ggml.tokens", .array(.strings(vocabulary.tokens))),
      ("tokenizer.ggml.scores", .array(.float32(vocabulary.scores))),
      ("tokenizer.ggml.token_type", .array(.int32(vocabulary.types))),
      ("tokenizer.ggml.bos_token_id", number(Int(vocabulary.bos ?? 0))),
      ("tokenizer.ggml.eos_token_id", number(Int(vocabulary.eos ?? 0))),
      ("tokenizer.ggml.unknown_token_id", number(Int(vocabulary.unknown ?? 0))),
      ("tokenizer.ggml.add_bos_token", .bool(vocabulary.addBOS ?? true)),
      ("tokenizer.ggml.add_eos_token", .bool(vocabulary.addEOS ?? false)),
      ("tokenizer.chat_template", .string(vocabulary.chatTemplate ?? "")),
    ]
  }
}
