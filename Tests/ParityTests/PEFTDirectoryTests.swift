import Foundation
import HalterAdapters
import HalterBackend
import HalterFormats
import HalterModels
import HalterNN
import HalterTensor
import Testing

/// Adapter directories as PEFT writes and reads them.
@Suite struct PEFTDirectoryTests {
  @Test("names and shapes that we write are those that PEFT wrote", arguments: LoRACase.names)
  func names(name: String) throws {
    let lora = try LoRACase(name)
    let expected = try lora.facts().tensors
    let (_, adapter) = try lora.adapted()
    try withScratch { directory in
      try PEFTDirectory.write(adapter, base: "tiny_llama/gqa_tied", to: directory)
      let file = try SafetensorsFile(directory.appending(path: PEFTDirectory.weightsName))
      #expect(
        Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.shape) }) == expected)
      #expect(file.tensors.allSatisfy { $0.type == .f32 })
      #expect(file.metadata == ["format": "pt"])
    }
  }

  @Test("weights that we write are the bytes that PEFT wrote", arguments: LoRACase.names)
  func bytes(name: String) throws {
    let lora = try LoRACase(name)
    let (_, adapter) = try lora.adapted()
    try withScratch { directory in
      try PEFTDirectory.write(adapter, base: "tiny_llama/gqa_tied", to: directory)
      #expect(
        try Data(contentsOf: directory.appending(path: PEFTDirectory.weightsName))
          == Data(contentsOf: lora.directory.appending(path: PEFTDirectory.weightsName)))
    }
  }

  @Test("what is written and loaded again is the same adapter", arguments: LoRACase.names)
  func roundTrip(name: String) throws {
    let lora = try LoRACase(name)
    let (model, adapter) = try lora.adapted()
    try withScratch { directory in
      try PEFTDirectory.write(adapter, base: "tiny_llama/gqa_tied", to: directory)
      let again = try LoRACase.base()
      let loaded = try PEFTDirectory.load(directory, into: again.linearSlots)
      #expect(loaded.configuration == adapter.configuration)
      #expect(loaded.layers.map(\.name) == adapter.layers.map(\.name))
      #expect(loaded.layers.map(\.scaling) == adapter.layers.map(\.scaling))
      #expect(lora.logits(again) == lora.logits(model))
    }
  }

  @Test("the keys of our configuration mean what PEFT's own say", arguments: LoRACase.names)
  func configurationKeys(name: String) throws {
    let lora = try LoRACase(name)
    let (_, adapter) = try lora.adapted()
    try withScratch { directory in
      try PEFTDirectory.write(adapter, base: "tiny_llama/gqa_tied", to: directory)
      let ours = try json(directory.appending(path: PEFTDirectory.configurationName))
      let theirs = try json(lora.directory.appending(path: PEFTDirectory.configurationName))
      #expect(Set(ours.keys).subtracting(theirs.keys).isEmpty, "keys that PEFT does not know")
      // PEFT notes how a new adapter would start; a trained one does not start again.
      for key in ours.keys where key != "init_lora_weights" {
        #expect(same(ours[key], theirs[key]), "\(key)")
      }
    }
  }

  @Test("all-linear is written as the short names that every version of PEFT understands")
  func allLinear() throws {
    let model = try LoRACase.base()
    let adapter = try LoRAAdapter.inject(
      LoRAConfiguration(rank: 2, alpha: 4), into: model.linearSlots, seed: 1)
    try withScratch { directory in
      try PEFTDirectory.write(adapter, base: "tiny", to: directory)
      let configuration = try PEFTDirectory.configuration(in: directory)
      #expect(
        configuration.targets
          == .names([
            "down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj",
          ]))
      let again = try PEFTDirectory.load(directory, into: LoRACase.base().linearSlots)
      #expect(again.layers.map(\.name) == adapter.layers.map(\.name))
    }
  }

  @Test("an adapter stored in 16 bits is widened", arguments: [StorageType.f16, .bf16])
  func halfPrecision(type: StorageType) throws {
    let lora = try LoRACase("plain")
    let original = try SafetensorsFile(
      lora.directory.appending(path: PEFTDirectory.weightsName))
    try withScratch { directory in
      try copyConfiguration(of: lora, to: directory)
      let sources = try original.tensors.map { record in
        let words = try original.floats(of: record).map { value in
          type == .f16
            ? Float16(value).bitPattern : UInt16(truncatingIfNeeded: value.bitPattern >> 16)
        }
        return TensorSource(record.name, type, shape: record.shape) { try $0.write(numbers: words) }
      }
      try SafetensorsWriter.write(
        sources, to: directory.appending(path: PEFTDirectory.weightsName))
      let adapter = try PEFTDirectory.load(directory, into: LoRACase.base().linearSlots)
      let exact = try lora.adapted().adapter
      for (rounded, full) in zip(adapter.parameters, exact.parameters) {
        #expect(rounded.parameter.value.dtype == .f32)
        expectClose(
          rounded.parameter.value.floats, full.parameter.value.floats, absolute: 1e-7,
          relative: type == .f16 ? 1 / 2048 : 1 / 128, rounded.name)
      }
    }
  }

  @Test("a directory is an adapter if it has a configuration")
  func isAdapter() {
    #expect(PEFTDirectory.isAdapter(Golden.url("lora/plain")))
    #expect(!PEFTDirectory.isAdapter(Golden.url("tiny_llama/gqa_tied")))
    #expect(!PEFTDirectory.isAdapter(Golden.url("lora/no-such-place")))
  }

  @Test("dropout of the file can be replaced for training on")
  func dropout() throws {
    let slots = try LoRACase.base().linearSlots
    let adapter = try PEFTDirectory.load(LoRACase("plain").directory, into: slots, dropout: 0.25)
    #expect(adapter.configuration.dropout == 0.25)
  }

  private func json(_ url: URL) throws -> [String: Any] {
    try #require(
      JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
  }

  /// Whether two JSON values are equal; the order of target names means nothing.
  private func same(_ left: Any?, _ right: Any?) -> Bool {
    switch (left, right) {
    case (let left as [String], let right as [String]): left.sorted() == right.sorted()
    case (let left as NSObject, let right as NSObject): left == right
    default: false
    }
  }
}

/// Copies an adapter's configuration, with some keys replaced.
func copyConfiguration(
  of lora: LoRACase, to directory: URL, replacing changes: [String: Any] = [:]
) throws {
  let source = lora.directory.appending(path: PEFTDirectory.configurationName)
  var values = try #require(
    JSONSerialization.jsonObject(with: Data(contentsOf: source)) as? [String: Any])
  values.merge(changes) { $1 }
  try JSONSerialization.data(withJSONObject: values)
    .write(to: directory.appending(path: PEFTDirectory.configurationName))
}
