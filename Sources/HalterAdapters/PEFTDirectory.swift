import Foundation
import HalterBackend
import HalterFormats
import HalterNN
import HalterTensor

/// A LoRA adapter on disk in the layout of PEFT: `adapter_config.json` and
/// `adapter_model.safetensors`, loadable with `PeftModel.from_pretrained`.
public enum PEFTDirectory {
  /// The weights' file name.
  public static let weightsName = "adapter_model.safetensors"
  /// The configuration's file name.
  public static let configurationName = "adapter_config.json"
  /// What PEFT puts before the module names of the base model in tensor names.
  public static let prefix = "base_model.model."

  /// Whether a directory holds an adapter.
  public static func isAdapter(_ directory: URL) -> Bool {
    FileManager.default.fileExists(atPath: directory.appending(path: configurationName).path)
  }

  /// Writes the adapter's two files into an existing directory, each atomically.
  /// - Parameters:
  ///   - base: the name or path of the base model, for tools that look it up.
  ///   - head: the head of a classifier, which is saved with its adapter; nil for a language model.
  public static func write(
    _ adapter: LoRAAdapter, base: String, head: NamedParameter? = nil, to directory: URL
  ) throws {
    let tensors = (adapter.parameters + (head.map { [$0] } ?? [])).map { parameter in
      TensorSource(
        prefix + parameter.name, shape: parameter.parameter.value.shape.dimensions,
        floats: parameter.parameter.value.floats)
    }
    try SafetensorsWriter.write(
      tensors, metadata: ["format": "pt"], to: directory.appending(path: weightsName))
    let json = try JSONSerialization.data(
      withJSONObject: configuration(of: adapter, base: base, head: head?.name),
      options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    try AtomicWrite.write(json, to: directory.appending(path: configurationName))
  }

  /// Wraps the layers of a model with an adapter from disk.
  /// - Parameters:
  ///   - dropout: replaces the dropout of the file, for training on.
  ///   - head: the weight of a classifier's head that may lie beside the factors; `head(_:in:)`
  ///     reads it. Nil for a language model, which has no use for it.
  /// - Throws: `FormatError` or `AdapterError` if the files are damaged, use what Halter does not
  ///   support, or do not fit the model; the model is left as it was then.
  public static func load(
    _ directory: URL, into slots: [LinearSlot], dropout: Double? = nil, head: String? = nil
  ) throws -> LoRAAdapter {
    var configuration = try configuration(in: directory)
    if let dropout { configuration.dropout = dropout }
    let url = directory.appending(path: weightsName)
    let file = try SafetensorsFile(url)
    try checkNames(file, configuration, slots, head)
    func factor(
      _ name: String, _ shape: [Int]
    ) throws(AdapterError) -> [Float] {
      guard let record = file.record(named: prefix + name) else {
        throw AdapterError(
          path: url.path, "has no tensor \(prefix + name), which the configuration asks for",
          mend: "The adapter is incomplete, or was made for another model")
      }
      guard record.shape == shape else {
        throw AdapterError(
          path: url.path, "\(record.name) has shape \(record.shape), expected \(shape)",
          mend: "The adapter was made for another base model, or its rank is another")
      }
      let values: [Float]
      do throws(FormatError) {
        values = try file.floats(of: record)
      } catch {
        throw AdapterError(path: url.path, error.message, mend: error.mend)
      }
      guard values.allSatisfy(\.isFinite) else {
        throw AdapterError(
          path: url.path, "\(record.name) holds values that are not finite",
          mend: "Take an earlier checkpoint")
      }
      return values
    }
    return try LoRAAdapter.inject(configuration, into: slots) {
      (name, rank, inputs, outputs) throws(AdapterError) in
      LoRAAdapter.Factors(
        a: try factor(name + ".lora_A.weight", [rank, inputs]),
        b: try factor(name + ".lora_B.weight", [outputs, rank]),
        magnitude: configuration.usesDoRA
          ? try factor(name + ".lora_magnitude_vector", [outputs]) : nil)
    }
  }

  /// PEFT drops tensors that it has no place for without a word; here they are an error.
  private static func checkNames(
    _ file: SafetensorsFile, _ configuration: LoRAConfiguration, _ slots: [LinearSlot],
    _ head: String?
  ) throws(AdapterError) {
    var expected = Set(head.map { [prefix + $0] } ?? [])
    for slot in slots where try configuration.includes(slot.name, layer: slot.layer) {
      expected.insert("\(prefix)\(slot.name).lora_A.weight")
      expected.insert("\(prefix)\(slot.name).lora_B.weight")
      if configuration.usesDoRA {
        expected.insert("\(prefix)\(slot.name).lora_magnitude_vector")
      }
    }
    let names = file.tensors.map(\.name).filter { !$0.contains(".base_layer.") }
    if let stranger = names.first(where: { !expected.contains($0) }) {
      try refuseHead(stranger, in: file.url)
      throw AdapterError(
        path: file.url.path, "\(stranger) fits no target layer of the model",
        mend: "The adapter was made for another base model, or trains more than LoRA factors")
    }
  }

  /// Reads an adapter's configuration.
  /// - Throws: `FormatError` or `AdapterError`.
  public static func configuration(in directory: URL) throws -> LoRAConfiguration {
    let url = directory.appending(path: configurationName)
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw AdapterError(
        path: directory.path, "holds no \(configurationName)",
        mend: "Give the directory of a PEFT adapter, such as a run's final/")
    }
    let file = try ConfigFile(url)
    let kind = try file.require("peft_type", file.string("peft_type"))
    guard kind == "LORA" else {
      throw AdapterError(path: url.path, "peft_type is \"\(kind)\", only LORA is supported")
    }
    for key in ["lora_bias", "use_qalora", "fan_in_fan_out"] {
      if try file.bool(key) == true {
        throw AdapterError(path: url.path, "\(key) is true, which is not supported")
      }
    }
    if let bias = try file.string("bias"), bias != "none" {
      throw AdapterError(path: url.path, "bias is \"\(bias)\", only none is supported")
    }
    if let initialization = try? file.string("init_lora_weights"),
      !["gaussian", "eva", "orthogonal"].contains(initialization)
    {
      // PiSSA, OLoRA, CorDA and LoftQ train beside a base that they have changed.
      throw AdapterError(
        path: url.path, "init_lora_weights is \"\(initialization)\", which changes the base model",
        mend: "Convert it to a plain LoRA with PEFT (path_initial_model_for_weight_conversion)")
    }
    try checkSavedModules(file)
    for key in unsupported where !file.isOff(key) {
      throw AdapterError(path: url.path, "\(key) is not supported")
    }
    let layers = try file.integers("layers_to_transform")
    let dropout = try file.number("lora_dropout") ?? 0
    guard (0..<1).contains(dropout) else {
      throw AdapterError(path: url.path, "lora_dropout is \(dropout), expected 0 to less than 1")
    }
    return LoRAConfiguration(
      rank: try file.integer("r") ?? 8, alpha: try file.number("lora_alpha") ?? 8,
      dropout: dropout,
      usesRSLoRA: try file.bool("use_rslora") ?? false,
      usesDoRA: try file.bool("use_dora") ?? false, targets: try targets(file),
      layers: layers.isEmpty ? nil : layers,
      rankPattern: try patterns(file, "rank_pattern") { try $0.integer($1) },
      alphaPattern: try patterns(file, "alpha_pattern") { try $0.number($1) })
  }

  /// Features of PEFT that change what the adapter computes, so that ignoring them would be wrong.
  private static let unsupported = [
    "exclude_modules", "layer_replication", "target_parameters",
    "trainable_token_indices", "alora_invocation_tokens", "use_bdlora", "arrow_config",
  ]

  private static func targets(_ file: ConfigFile) throws -> LoRAConfiguration.Targets {
    if file.isList("target_modules") { return .names(try file.strings("target_modules")) }
    guard let text = try file.string("target_modules") else {
      return .names(["q_proj", "v_proj"])  // PEFT's default for Llama
    }
    return text == "all-linear" ? .allLinear : .pattern(text)
  }

  private static func patterns<T>(
    _ file: ConfigFile, _ key: String, _ read: (ConfigFile, String) throws -> T?
  ) throws -> [String: T] {
    guard let object = try file.object(key) else { return [:] }
    var patterns: [String: T] = [:]
    for name in object.keys {
      patterns[name] = try object.require(name, read(object, name))
    }
    return patterns
  }

  /// The fields that PEFT writes; those without a meaning here keep its defaults.
  private static func configuration(
    of adapter: LoRAAdapter, base: String, head: String?
  ) -> [String: Any] {
    let c = adapter.configuration
    let targets: Any
    switch c.targets {
    case .pattern(let pattern): targets = pattern
    case .names(let names): targets = names
    case .allLinear:
      // The short names of what was wrapped: explicit, and understood by every version.
      targets = Set(
        adapter.layers.compactMap { $0.name.split(separator: ".").last.map(String.init) }
      )
      .sorted()
    }
    return [
      "peft_type": "LORA", "task_type": head == nil ? "CAUSAL_LM" : "SEQ_CLS",
      "base_model_name_or_path": base,
      "r": c.rank, "lora_alpha": c.alpha == c.alpha.rounded() ? Int(c.alpha) as Any : c.alpha,
      "lora_dropout": c.dropout, "use_rslora": c.usesRSLoRA, "target_modules": targets,
      "layers_to_transform": c.layers ?? NSNull() as Any, "layers_pattern": NSNull(),
      "rank_pattern": c.rankPattern, "alpha_pattern": c.alphaPattern, "bias": "none",
      "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true,
      "modules_to_save": head.map { [module(ofWeight: $0)] } ?? NSNull() as Any,
      "use_dora": c.usesDoRA, "lora_bias": false,
      "revision": NSNull(), "auto_mapping": NSNull(), "exclude_modules": NSNull(),
    ]
  }
}
