import Foundation
import HalterBackend
import HalterFormats
import HalterModels
import HalterNN
import HalterTensor
import Testing

/// Checkpoints that bitsandbytes has quantised and transformers has saved, used as they are.
@Suite struct BitsAndBytesTests {
  private let backend = CPUBackend(threads: 2)

  @Test(arguments: ["nf4", "nf4_double", "fp4_double", "int8"], [false, true])
  func logitsAreThoseOfTheDequantisedModel(name: String, trainable: Bool) throws {
    let golden = try Golden("bitsandbytes/\(name)/expected.safetensors")
    let batch = try TinyLlamaTests.Batch(golden)
    let model = try Checkpoint(Golden.url("bitsandbytes/\(name)"))
      .load(on: backend, trainable: trainable)
    let logits = model.logits(TinyLlamaTests.hidden(model, batch)).floats
    expectClose(logits, try golden.floats("logits"), absolute: 1e-4, relative: 1e-4)
    for tensor in model.checkpointTensors() {
      let path = tensor.name.replacingOccurrences(of: ".weight", with: "")
      guard golden.file.record(named: path) != nil else { continue }
      let values = tensor.rows(0..<tensor.shape[0])
        .read(Float.self, count: tensor.shape.reduce(1, *))
      expectClose(values, try golden.floats(path), absolute: 1e-7, relative: 1e-6, path)
    }
  }

  @Test func theCodesStayAsTheyAre() throws {
    let model = try Checkpoint(Golden.url("bitsandbytes/nf4_double"))
      .load(on: backend, trainable: false)
    for slot in model.linearSlots {
      guard case .frozen(let matrix) = (slot.get() as? Linear)?.weight else {
        Issue.record("\(slot.name) is not frozen")
        continue
      }
      #expect(matrix.format == "nf4, blocks of 64, double quantised")
    }
  }

  @Test func quantisingTwiceIsRefused() throws {
    let checkpoint = try Checkpoint(Golden.url("bitsandbytes/nf4"))
    let error = #expect(throws: ModelError.self) {
      try checkpoint.load(
        on: backend, trainable: false, quantization: WeightQuantization(kind: .nf4))
    }
    #expect("\(try #require(error))".contains("Delete model.quantize"))
  }

  /// One piece is taken away or spoilt at a time.
  @Test(
    arguments: [
      ("nf4_double", ".absmax", "absmax"), ("nf4_double", ".quant_map", "quant_map"),
      ("nf4_double", ".nested_absmax", "nested_absmax"),
      ("nf4_double", ".nested_quant_map", "nested_quant_map"),
      ("nf4_double", ".quant_state.bitsandbytes__nf4", "save_pretrained"), ("int8", "SCB", "SCB"),
    ])
  func aMissingPieceIsNamed(name: String, piece: String, word: String) throws {
    let tensor = "model.layers.0.self_attn.k_proj." + (piece == "SCB" ? piece : "weight" + piece)
    try refuses(name, saying: word) { $0 == tensor ? nil : $1 }
  }

  @Test(
    arguments: [
      ("\"blocksize\": 64", "\"blocksize\": 60", "blocksize 60"),
      ("\"shape\": [", "\"shape\": [1, ", "shape [1, 32, 64]"),
      ("\"quant_type\": \"nf4\"", "\"quant_type\": \"fp4\"", "quant_type"),
      ("\"nested_offset\"", "\"unnested_offset\"", "nested_offset"),
      ("{", "[", "quant_state"),
    ])
  func aStateThatDoesNotFitIsRefused(old: String, new: String, word: String) throws {
    let name = "model.layers.0.self_attn.k_proj.weight.quant_state.bitsandbytes__nf4"
    try refuses("nf4_double", saying: word) { tensor, bytes in
      guard tensor == name else { return bytes }
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(text.contains(old))
      return Array(text.replacingOccurrences(of: old, with: new).utf8)
    }
  }

  @Test func scalesThatAreNoNumbersAreRefused() throws {
    try refuses("nf4", saying: "not finite") { tensor, bytes in
      guard tensor == "model.layers.0.mlp.up_proj.weight.absmax" else { return bytes }
      return [0, 0, 0xC0, 0x7F] + bytes.dropFirst(4)
    }
  }

  @Test func codesThatAreCutShortAreRefused() throws {
    try refuses("nf4", saying: "1023 bytes") { tensor, bytes in
      tensor == "model.layers.0.self_attn.k_proj.weight" ? Array(bytes.dropLast()) : bytes
    }
  }

  /// Writes a fixture with its tensors changed, and expects an error with a word when it is loaded.
  private func refuses(
    _ name: String, saying word: String, _ change: (String, [UInt8]) -> [UInt8]?
  ) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "bnb-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = Golden.url("bitsandbytes/\(name)")
    try FileManager.default.copyItem(
      at: source.appending(path: "config.json"), to: folder.appending(path: "config.json"))
    let file = try SafetensorsFile(source.appending(path: "model.safetensors"))
    let sources = file.tensors.compactMap { record -> TensorSource? in
      let old = file.bytes(of: record)
      guard let bytes = change(record.name, old) else { return nil }
      let shape = bytes.count == old.count ? record.shape : [bytes.count]
      return TensorSource(record.name, record.type, shape: shape, bytes: bytes)
    }
    try SafetensorsWriter.write(sources, to: folder.appending(path: "model.safetensors"))
    do {
      _ = try Checkpoint(folder).load(on: backend, trainable: false)
      Issue.record("\(name) was loaded")
    } catch {
      #expect("\(error)".contains(word), "\(error)")
    }
  }
}
