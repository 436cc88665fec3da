import Foundation
import HalterAdapters
import HalterBackend
import HalterFormats
import HalterModels
import HalterNN
import HalterTensor
import Testing

/// Adapter directories that must be refused, with the model left as it was.
@Suite struct PEFTRefusalTests {
  /// Loads a directory made from `plain` by a change, and expects an error that tells all of
  /// `texts`, and a model without any adapter.
  private func expectRefusal(
    _ texts: String..., base: String = "gqa_tied",
    sourceLocation: SourceLocation = #_sourceLocation,
    of change: (LoRACase, URL) throws -> Void
  ) throws {
    let lora = try LoRACase("plain")
    let model = try LoRACase.base(base)
    try withScratch { directory in
      try copyConfiguration(of: lora, to: directory)
      try FileManager.default.copyItem(
        at: lora.directory.appending(path: PEFTDirectory.weightsName),
        to: directory.appending(path: PEFTDirectory.weightsName))
      try change(lora, directory)
      do {
        _ = try PEFTDirectory.load(directory, into: model.linearSlots)
        Issue.record("was loaded", sourceLocation: sourceLocation)
      } catch let error as AdapterError {
        expectTold(error.description, texts, sourceLocation)
      } catch let error as FormatError {
        expectTold(error.description, texts, sourceLocation)
      }
    }
    #expect(
      model.linearSlots.allSatisfy { $0.get() is Linear }, "a layer is wrapped",
      sourceLocation: sourceLocation)
  }

  private func expectTold(_ message: String, _ texts: [String], _ location: SourceLocation) {
    for text in texts {
      #expect(message.contains(text), "\(message)", sourceLocation: location)
    }
  }

  /// Writes the weights of a case again with changes, in the order of their names.
  private func rewrite(
    _ lora: LoRACase, _ directory: URL,
    _ change: (String, [Int], [Float]) -> [(name: String, shape: [Int], values: [Float])]
  ) throws {
    let file = try SafetensorsFile(lora.directory.appending(path: PEFTDirectory.weightsName))
    let sources = try file.tensors.flatMap { record in
      change(record.name, record.shape, try file.floats(of: record)).map {
        TensorSource($0.name, shape: $0.shape, floats: $0.values)
      }
    }
    try SafetensorsWriter.write(
      sources, to: directory.appending(path: PEFTDirectory.weightsName), overwrite: true)
  }

  /// A tensor of the last block, [4, 32]: most layers come before it.
  private static let late = "base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight"

  @Test("a tensor of another shape")
  func wrongShape() throws {
    try expectRefusal(Self.late, "[4, 16]", "[4, 32]", PEFTDirectory.weightsName) {
      lora, directory in
      try rewrite(lora, directory) { name, shape, values in
        name == Self.late
          ? [(name, [4, 16], Array(values.prefix(64)))] : [(name, shape, values)]
      }
    }
  }

  @Test("a transposed tensor")
  func transposed() throws {
    try expectRefusal(Self.late, "[32, 4]") { lora, directory in
      try rewrite(lora, directory) { name, shape, values in
        [(name, name == Self.late ? shape.reversed() : shape, values)]
      }
    }
  }

  @Test("a rank other than that of the tensors")
  func wrongRank() throws {
    try expectRefusal("[4, 32]", "[6, 32]") { lora, directory in
      try copyConfiguration(of: lora, to: directory, replacing: ["r": 6])
    }
  }

  @Test("an adapter of another model")
  func otherModel() throws {
    try expectRefusal("k_proj.lora_B.weight", "another base model", base: "mha_untied") { _, _ in }
  }

  @Test("a missing tensor")
  func missing() throws {
    try expectRefusal(Self.late, "has no tensor") { lora, directory in
      try rewrite(lora, directory) { name, shape, values in
        name == Self.late ? [] : [(name, shape, values)]
      }
    }
  }

  @Test(
    "a tensor that has no place in the model",
    arguments: [
      "base_model.model.model.layers.2.self_attn.q_proj.lora_A.weight",
      "base_model.model.lm_head.weight",
      "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
      "model.layers.0.self_attn.q_proj.lora_A.weight",
    ])
  func stray(stranger: String) throws {
    try expectRefusal(stranger) { lora, directory in
      try rewrite(lora, directory) { name, shape, values in
        let same = (name: name, shape: shape, values: values)
        return name == Self.late ? [same, (stranger, shape, values)] : [same]
      }
    }
  }

  @Test("tensors of a block that the configuration leaves out")
  func leftOutLayer() throws {
    try expectRefusal("layers.0.", "fits no target") { lora, directory in
      try copyConfiguration(of: lora, to: directory, replacing: ["layers_to_transform": [1]])
    }
  }

  @Test("values that are not finite", arguments: [Float.nan, .infinity, -.infinity])
  func notFinite(value: Float) throws {
    try expectRefusal(Self.late, "not finite") { lora, directory in
      try rewrite(lora, directory) { name, shape, values in
        [(name, shape, name == Self.late ? [value] + values.dropFirst() : values)]
      }
    }
  }

  @Test("weights cut short at any length", arguments: [0, 4, 8, 100, 2000, 9000])
  func truncated(length: Int) throws {
    try expectRefusal(PEFTDirectory.weightsName) { _, directory in
      let url = directory.appending(path: PEFTDirectory.weightsName)
      let whole = try Data(contentsOf: url)
      try #require(whole.count > length)
      try whole.prefix(length).write(to: url)
    }
  }

  @Test("no weights, no configuration, or no directory at all")
  func absent() throws {
    for name in [PEFTDirectory.weightsName, PEFTDirectory.configurationName] {
      try expectRefusal(name) { _, directory in
        try FileManager.default.removeItem(at: directory.appending(path: name))
      }
    }
    try expectRefusal(PEFTDirectory.configurationName) { _, directory in
      try FileManager.default.removeItem(at: directory)
    }
  }

  @Test("a configuration that is not a JSON object", arguments: ["", "{", "[1]", "null", "\u{0}"])
  func notJSON(text: String) throws {
    try expectRefusal(PEFTDirectory.configurationName) { _, directory in
      try Data(text.utf8).write(to: directory.appending(path: PEFTDirectory.configurationName))
    }
  }

  @Test("features that would be silently lost")
  func unsupported() throws {
    let changes: [(key: String, value: Any)] = [
      ("peft_type", "LOHA"), ("peft_type", NSNull()), ("use_qalora", true),
      ("fan_in_fan_out", true), ("lora_bias", true), ("bias", "all"),
      ("modules_to_save", ["lm_head"]), ("alora_invocation_tokens", [1, 2]),
      ("init_lora_weights", "pissa_niter_4"), ("init_lora_weights", "olora"),
      ("exclude_modules", ["k_proj"]),
      ("trainable_token_indices", [3]), ("layer_replication", [[0, 2]]),
      ("target_parameters", ["mlp.experts"]), ("use_bdlora", ["nblocks": 2]),
    ]
    for change in changes {
      try expectRefusal(change.key) { lora, directory in
        try copyConfiguration(of: lora, to: directory, replacing: [change.key: change.value])
      }
    }
  }

  @Test("a DoRA adapter without its magnitudes")
  func noMagnitudes() throws {
    try expectRefusal("lora_magnitude_vector", "has no tensor") { lora, directory in
      try copyConfiguration(of: lora, to: directory, replacing: ["use_dora": true])
    }
  }

  @Test("keys of the wrong type or out of range")
  func wrongTypes() throws {
    let changes: [(key: String, value: Any)] = [
      ("r", "four"), ("r", 4.5), ("r", true), ("lora_alpha", "8"), ("use_rslora", 1),
      ("lora_dropout", [0.1]), ("target_modules", 7), ("target_modules", [1, 2]),
      ("rank_pattern", ["q_proj"]), ("rank_pattern", ["q_proj": "two"]),
      ("rank_pattern", ["q_proj": 1e300]), ("rank_pattern", ["q_proj": 2.5]),
      ("alpha_pattern", ["q_proj": NSNull()]), ("layers_to_transform", ["first"]),
      ("lora_dropout", 1.0), ("lora_dropout", -0.5),
    ]
    for change in changes {
      let isPattern = change.value is [String: Any]
      try expectRefusal(isPattern ? "q_proj" : change.key) { lora, directory in
        try copyConfiguration(of: lora, to: directory, replacing: [change.key: change.value])
      }
    }
  }

  @Test("a scaling that overflows")
  func overflow() throws {
    try expectRefusal("alpha", "1e+300") { lora, directory in
      try copyConfiguration(of: lora, to: directory, replacing: ["lora_alpha": 1e300])
    }
  }

  @Test("ranks that no factor can have", arguments: [0, -4, Int.min, Int.max])
  func impossibleRank(rank: Int) throws {
    try expectRefusal("\(rank)") { lora, directory in
      try copyConfiguration(of: lora, to: directory, replacing: ["r": rank])
    }
  }

  @Test("targets that no layer has")
  func noTarget() throws {
    let model = try LoRACase.base()
    let configuration = LoRAConfiguration(rank: 4, alpha: 8, targets: .names(["query"]))
    let error = #expect(throws: AdapterError.self) {
      try LoRAAdapter.inject(configuration, into: model.linearSlots, seed: 1)
    }
    #expect(error?.description.contains("q_proj") == true)
    #expect(model.linearSlots.allSatisfy { $0.get() is Linear })
  }

  @Test("a pattern that is no regular expression")
  func badPattern() throws {
    try expectRefusal("([", "regular expression") { lora, directory in
      try copyConfiguration(of: lora, to: directory, replacing: ["target_modules": "(["])
    }
    try expectRefusal("([", "regular expression") { lora, directory in
      try copyConfiguration(of: lora, to: directory, replacing: ["rank_pattern": ["([": 4]])
    }
  }

  @Test("patterns that give one layer two alphas, since JSON keeps no order")
  func ambiguousPatterns() throws {
    try expectRefusal("q_proj", "alpha_pattern") { lora, directory in
      let patterns = ["q_proj": 4, #"layers\.0\.self_attn\.q_proj"#: 16]
      try copyConfiguration(of: lora, to: directory, replacing: ["alpha_pattern": patterns])
    }
  }

  @Test("a second adapter on the same layers")
  func twice() throws {
    let (model, adapter) = try LoRACase("layers").adapted()
    let error = #expect(throws: AdapterError.self) {
      try PEFTDirectory.load(LoRACase("plain").directory, into: model.linearSlots)
    }
    #expect(error?.description.contains("already has an adapter") == true)
    let wrapped = model.linearSlots.filter { $0.get() is LoRALinear }.map(\.name)
    #expect(Set(wrapped) == Set(adapter.layers.map(\.name)))
  }

  @Test("layers whose matrix is trained itself")
  func trainedMatrix() throws {
    let model = try Checkpoint(Golden.url("tiny_llama/gqa_tied"))
      .load(on: CPUBackend(threads: 2), trainable: true)
    #expect(throws: AdapterError.self) {
      try PEFTDirectory.load(LoRACase("plain").directory, into: model.linearSlots)
    }
    #expect(model.linearSlots.allSatisfy { $0.get() is Linear })
  }
}
