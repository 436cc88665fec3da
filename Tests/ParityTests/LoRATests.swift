import Foundation
import HalterAdapters
import HalterBackend
import HalterFormats
import HalterModels
import HalterNN
import HalterTensor
import Testing

/// LoRA adapters written by PEFT, and what PEFT computes with them.
@Suite struct LoRATests {
  @Test("logits with an adapter equal PEFT's", arguments: LoRACase.names)
  func logits(name: String) throws {
    let lora = try LoRACase(name)
    let (model, _) = try lora.adapted()
    expectClose(
      lora.logits(model), try lora.golden.floats("logits"), absolute: 2e-5, relative: 2e-5)
  }

  @Test("loss and log-probabilities with an adapter equal PEFT's", arguments: LoRACase.names)
  func logprobs(name: String) throws {
    let lora = try LoRACase(name)
    let (loss, logprobs) = lora.loss(try lora.adapted().model)
    expectClose([loss.scalar], try lora.golden.floats("loss"), relative: 1e-5, "loss")
    let expected = try lora.golden.floats("logprobs")
    expectClose(
      logprobs, lora.batch.targets.rows.map { expected[Int($0) + 1] }, absolute: 2e-5,
      relative: 2e-5, "logprobs")
  }

  @Test(
    "gradients of what is trained equal PEFT's", arguments: ["plain", "patterns", "dora"],
    [false, true])
  func gradients(name: String, recompute: Bool) throws {
    let lora = try LoRACase(name)
    let gradients = try Golden("lora/\(name)/gradients.safetensors")
    let (model, adapter) = try lora.adapted()
    lora.loss(model, recompute: recompute).loss.backward()
    #expect(
      Set(adapter.parameters.map { PEFTDirectory.prefix + $0.name })
        == Set(gradients.file.tensors.map(\.name)))
    for parameter in adapter.parameters {
      let gradient = try #require(parameter.parameter.value.gradient, "\(parameter.name)")
      expectClose(
        gradient.floats, try gradients.floats(PEFTDirectory.prefix + parameter.name),
        absolute: 2e-6, relative: 1e-4, parameter.name)
    }
  }

  @Test("only the factors of the adapter get gradients")
  func frozen() throws {
    let lora = try LoRACase("plain")
    let (model, adapter) = try lora.adapted()
    lora.loss(model).loss.backward()
    let trained = model.parameters.filter { $0.parameter.value.gradient != nil }.map(\.name)
    #expect(Set(trained) == Set(adapter.parameters.map(\.name)))
  }

  @Test("factors on B·A equal PEFT's", arguments: LoRACase.names)
  func scalings(name: String) throws {
    let lora = try LoRACase(name)
    let expected = try lora.facts().scalings
    let layers = try lora.adapted().adapter.layers
    #expect(Set(layers.map(\.name)) == Set(expected.keys))
    for layer in layers { #expect(layer.scaling == expected[layer.name].map { Float($0) }) }
  }

  @Test("merged weights equal merge_and_unload()", arguments: LoRACase.names)
  func mergedWeights(name: String) throws {
    let lora = try LoRACase(name)
    let tensors = try lora.adapted().model.checkpointTensors()
    let merged = lora.golden.file.tensors.map(\.name).filter { $0.hasPrefix("merged.") }
    #expect(merged.count == 2)
    for name in merged {
      let tensor = try #require(tensors.first { "merged.\($0.name)" == name }, "\(name)")
      #expect(try tensor.shape == lora.golden.shape(name))
      expectClose(values(of: tensor), try lora.golden.floats(name), absolute: 1e-6, name)
    }
  }

  @Test("a merged model on disk computes what PEFT's does", arguments: LoRACase.names)
  func mergedLogits(name: String) throws {
    let lora = try LoRACase(name)
    let tensors = try lora.adapted().model.checkpointTensors()
    try withScratch { directory in
      try FileManager.default.copyItem(
        at: Golden.url("tiny_llama/gqa_tied/config.json"),
        to: directory.appending(path: "config.json"))
      try SafetensorsWriter.write(
        tensors.map { TensorSource($0.name, shape: $0.shape, floats: values(of: $0)) },
        metadata: ["format": "pt"], to: directory.appending(path: "model.safetensors"))
      let model = try Checkpoint(directory).load(on: CPUBackend(threads: 2), trainable: false)
      expectClose(
        lora.logits(model), try lora.golden.floats("merged_logits"), absolute: 2e-5,
        relative: 2e-5)
    }
  }

  @Test("any range of rows of a merged matrix is that part of the whole")
  func rowRanges() throws {
    let (model, _) = try LoRACase("plain").adapted()
    for slot in model.linearSlots {
      let layer = slot.get()
      let whole = layer.effectiveRows(0..<layer.outputs)
        .read(Float.self, count: layer.outputs * layer.inputs)
      for range in [0..<1, 3..<8, layer.outputs - 1..<layer.outputs] {
        let part = layer.effectiveRows(range).read(Float.self, count: range.count * layer.inputs)
        let expected = whole[range.lowerBound * layer.inputs..<range.upperBound * layer.inputs]
        expectClose(part, Array(expected), absolute: 1e-6, "\(slot.name) \(range)")
      }
    }
  }

  @Test("untouched layers merge to their own bits")
  func untouched() throws {
    let before = try LoRACase.base().checkpointTensors()
    let (model, adapter) = try LoRACase("layers").adapted()
    let wrapped = Set(adapter.layers.map { $0.name + ".weight" })
    let after = model.checkpointTensors()
    #expect(after.map(\.name) == before.map(\.name))
    for (old, new) in zip(before, after) {
      #expect((values(of: old) == values(of: new)) == !wrapped.contains(old.name), "\(old.name)")
    }
  }

  @Test(
    "a fresh adapter leaves the model's logits as they are, to the bit", arguments: [false, true])
  func identity(usesDoRA: Bool) throws {
    let lora = try LoRACase("plain")
    let model = try LoRACase.base()
    let before = lora.logits(model)
    let adapter = try LoRAAdapter.inject(
      LoRAConfiguration(rank: 4, alpha: 8, usesDoRA: usesDoRA), into: model.linearSlots, seed: 1)
    #expect(adapter.layers.count == 14)
    #expect(adapter.parameters.count == (usesDoRA ? 42 : 28))
    #expect(lora.logits(model) == before)
    let merged = model.checkpointTensors().map(values)
    #expect(try merged == LoRACase.base().checkpointTensors().map(values))
  }

  @Test("a fresh A fills ±1/sqrt(inputs) and depends on the seed and the layer alone")
  func initialization() throws {
    func factors(seed: UInt64, _ targets: [String]) throws -> [String: [Float]] {
      let adapter = try LoRAAdapter.inject(
        LoRAConfiguration(rank: 8, alpha: 8, targets: .names(targets)),
        into: LoRACase.base().linearSlots, seed: seed)
      return Dictionary(
        uniqueKeysWithValues: adapter.layers.map { ($0.name, $0.a.value.floats) })
    }
    let all = try factors(seed: 7, ["q_proj", "v_proj"])
    for values in all.values {
      let bound = 1 / Float(32).squareRoot()
      #expect(values.count == 8 * 32)
      #expect(values.allSatisfy { abs($0) <= bound })
      #expect((values.max() ?? 0) > 0.9 * bound && (values.min() ?? 0) < -0.9 * bound)
    }
    #expect(Set(all.values).count == all.count)
    for (name, values) in try factors(seed: 7, ["v_proj"]) { #expect(all[name] == values) }
    for (name, values) in try factors(seed: 8, ["v_proj"]) { #expect(all[name] != values) }
  }
}
