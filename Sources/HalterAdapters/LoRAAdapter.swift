import HalterBackend
import HalterNN
import HalterRandom
import HalterTensor

/// The low-rank adapters of a model: what a LoRA run trains and saves.
public final class LoRAAdapter {
  /// What the adapter is.
  public let configuration: LoRAConfiguration
  /// The wrapped layers, in the order of the model.
  public let layers: [LoRALinear]

  private init(_ configuration: LoRAConfiguration, _ layers: [LoRALinear]) {
    self.configuration = configuration
    self.layers = layers
  }

  /// Wraps the layers that the configuration chooses, with fresh factors: A uniform in
  /// ±1/sqrt(inputs), B zero, as PEFT initialises, so that the model is unchanged at the start.
  /// - Parameter seed: seeds A; each layer has a stream of its own.
  /// - Throws: `AdapterError` if nothing is chosen or a layer cannot be wrapped. The model is left
  ///   as it was then.
  public static func inject(
    _ configuration: LoRAConfiguration, into slots: [LinearSlot], seed: UInt64
  ) throws(AdapterError) -> LoRAAdapter {
    try inject(configuration, into: slots) { name, rank, inputs, outputs in
      var random = RandomStream(seed: seed, name: name + ".lora_A")
      let a = random.uniform(count: rank * inputs, bound: 1 / Float(inputs).squareRoot())
      return Factors(a: a, b: [Float](repeating: 0, count: outputs * rank))
    }
  }

  /// The values that an adapter on a layer begins with.
  struct Factors {
    /// A, row-major `[r, inputs]`.
    var a: [Float]
    /// B, row-major `[outputs, r]`.
    var b: [Float]
    /// The magnitudes of DoRA, `[outputs]`; the norms of the rows of W + s B A when nil.
    var magnitude: [Float]?
  }

  /// Wraps the chosen layers with given factors.
  static func inject(
    _ configuration: LoRAConfiguration, into slots: [LinearSlot],
    factors: (
      _ name: String, _ rank: Int, _ inputs: Int, _ outputs: Int
    ) throws(AdapterError) -> Factors
  ) throws(AdapterError) -> LoRAAdapter {
    var wrapped: [(LinearSlot, LoRALinear)] = []
    for slot in slots where try configuration.includes(slot.name, layer: slot.layer) {
      guard let base = slot.get() as? Linear, case .frozen(let matrix) = base.weight else {
        throw AdapterError("\(slot.name) already has an adapter or is trained itself")
      }
      let (rank, scaling) = try configuration.geometry(of: slot.name)
      let start = try factors(slot.name, rank, base.inputs, base.outputs)
      let a = Tensor(start.a, shape: [rank, base.inputs], on: matrix.backend)
      let b = Tensor(start.b, shape: [base.outputs, rank], on: matrix.backend)
      let layer = LoRALinear(
        name: slot.name, base: base, matrix: matrix, a: a, b: b, scaling: scaling,
        dropout: Float(configuration.dropout),
        decomposition: configuration.usesDoRA
          ? WeightDecomposition(matrix, a: a, b: b, scaling: scaling, magnitude: start.magnitude)
          : nil)
      wrapped.append((slot, layer))
    }
    if wrapped.isEmpty {
      let kinds = Set(slots.compactMap { $0.name.split(separator: ".").last.map(String.init) })
      throw AdapterError(
        "no layer of the model is a target of the adapter",
        mend: "Targets can be all-linear or any of: \(kinds.sorted().joined(separator: ", "))")
    }
    for (slot, layer) in wrapped { slot.set(layer) }
    return LoRAAdapter(configuration, wrapped.map(\.1))
  }

  /// What is trained under its full names, e.g. `model.layers.0.self_attn.q_proj.lora_A.weight`.
  public var parameters: [NamedParameter] {
    layers.flatMap { layer in
      layer.adapterParameters.map { NamedParameter("\(layer.name).\($0.name)", $0.parameter) }
    }
  }
}
