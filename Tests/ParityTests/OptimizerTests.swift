import Foundation
import HalterAdapters
import HalterBackend
import HalterFormats
import HalterModels
import HalterNN
import HalterOptim
import HalterTensor
import Testing

/// 8-bit AdamW against bitsandbytes, and LoRA+ against PEFT.
@Suite struct OptimizerTests {
  /// `optimizers.json`.
  private struct Settings: Decodable {
    struct Updates: Decodable {
      let rate: Float
      let weight_decay: Float
      let betas: [Float]
      let epsilon: Float
      let steps: Int
    }
    struct Course: Decodable {
      let rate: Float
      let clip: Double
      let steps: Int
    }
    struct LoRA: Decodable {
      let rank: Int
      let alpha: Double
      let rate: Float
      let ratio: Double
      let weight_decay: Float
      let clip: Double
      let steps: Int
    }
    struct Losses: Decodable {
      let adamw: [Float]
      let adamw_8bit: [Float]
      let lora_plus: [Float]
    }

    let shapes: [String: [Int]]
    let updates: Updates
    let course: Course
    let lora: LoRA
    let losses: Losses
  }

  private let settings: Settings
  private let golden: Golden
  private let backend = CPUBackend(threads: 2)

  init() throws {
    settings = try JSONDecoder().decode(
      Settings.self, from: Data(contentsOf: Golden.url("optimizers/optimizers.json")))
    golden = try Golden("optimizers/adamw_8bit.safetensors")
  }

  private func bytes(_ name: String) throws -> [UInt8] {
    try golden.file.bytes(of: golden.file.require(name))
  }

  @Test func mapsAreThoseOfBitsandbytes() throws {
    #expect(DynamicMap.signed == (try golden.floats("signed")))
    #expect(DynamicMap.unsigned == (try golden.floats("unsigned")))
  }

  /// With betas of zero the moments are the gradient and its square, as they are.
  @Test(arguments: InstructionSet.allCases.filter(\.isAvailable))
  func codesAreThoseOfBitsandbytes(set: InstructionSet) throws {
    let backend = CPUBackend(threads: 2, instructionSet: set)
    let input = try golden.floats("codes.input")
    let count = input.count
    func zeros(_ bytes: Int) -> Buffer {
      let buffer = backend.allocate(byteCount: bytes)
      buffer.write([UInt8](repeating: 0, count: bytes))
      return buffer
    }
    func zeroMoment() -> QuantizedMoments.Codes {
      .init(codes: zeros(count), scales: zeros(4 * QuantizedMoments.blocks(count)))
    }
    let moments = QuantizedMoments(first: zeroMoment(), second: zeroMoment())
    let gradient = Tensor(input, shape: [count], on: backend)
    let parameter = Tensor(zeros: [count], on: backend)
    backend.adamW(
      AdamWConstants(
        learningRate: 0, beta1: 0, beta2: 0, epsilon: 1, weightDecay: 0, step: 1,
        gradientScale: 1), gradient: gradient.storage, parameter: parameter.storage,
      moments: moments, count: count)
    for (name, moment) in [("first", moments.first), ("second", moments.second)] {
      #expect(moment.codes.read(UInt8.self, count: count) == (try bytes("codes.\(name)")))
      let scales = try golden.floats("codes.\(name)_scales")
      #expect(moment.scales.read(Float.self, count: scales.count) == scales)
    }
  }

  /// Thirty steps on given gradients.
  /// - Returns: the parameters by name, and the moments after the first step.
  private func updates() -> (values: [String: [Float]], first: [String: AdamW.Moments]) {
    let (given, names) = (settings.updates, settings.shapes.keys.sorted())
    let targets = names.map { name in
      let shape = Shape(settings.shapes[name] ?? [])
      let values = GeneratedNumbers.symmetric(
        "optimizers/initial/\(name)", count: shape.count, bound: 1)
      return AdamW.Target(
        name: name, tensor: Tensor(values, shape: shape, on: backend).requiringGradient(),
        decays: true)
    }
    let optimizer = AdamW(
      targets,
      configuration: .init(
        kind: .eightBit, beta1: given.betas[0], beta2: given.betas[1], epsilon: given.epsilon,
        weightDecay: given.weight_decay))
    var first: [String: AdamW.Moments] = [:]
    for step in 1...given.steps {
      for target in targets {
        let values = GeneratedNumbers.symmetric(
          "optimizers/gradient/\(target.name)/\(step)", count: target.tensor.count,
          bound: Float(sign: .plus, exponent: step % 5 - 2, significand: 1))
        target.tensor.clearGradient()
        target.tensor.backward(Tensor(values, shape: target.tensor.shape, on: backend))
      }
      optimizer.step(learningRate: given.rate)
      if step > 1 { continue }
      for (index, name) in names.enumerated() { first[name] = optimizer.savedMoments(of: index) }
    }
    return (
      Dictionary(uniqueKeysWithValues: targets.map { ($0.name, $0.tensor.floats) }), first
    )
  }

  /// The share of the codes that differ; none may by more than one.
  private func share(_ codes: [UInt8], _ expected: [UInt8], _ name: String) -> Double {
    #expect(codes.count == expected.count)
    let distances = zip(codes, expected).map { abs(Int($0) - Int($1)) }
    #expect((distances.max() ?? 0) <= 1, "\(name)")
    return Double(distances.count { $0 > 0 }) / Double(max(1, distances.count))
  }

  @Test func theStepIsThatOfBitsandbytes() throws {
    let (values, first) = updates()
    for name in ["whole", "odd"] {
      guard case .codes(let m, let mScales) = first[name]?.first,
        case .codes(let v, let vScales) = first[name]?.second
      else {
        Issue.record("\(name) is not in 8 bits")
        continue
      }
      // torch rounds the moments in other places, so that a few codes on a bound are the other.
      #expect(share(m, try bytes("exact.\(name).state1"), name) < 1e-3)
      #expect(share(v, try bytes("exact.\(name).state2"), name) < 1e-3)
      expectClose(mScales, try golden.floats("exact.\(name).absmax1"), relative: 1e-6)
      expectClose(vScales, try golden.floats("exact.\(name).absmax2"), relative: 2e-5)
    }
    guard case .full = first["small"]?.first else {
      Issue.record("small is in 8 bits")
      return
    }
    for (name, values) in values {
      let exact = try golden.floats("exact.\(name)")
      let mean = zip(values, exact).map { Double(abs($0 - $1)) }.reduce(0, +) / Double(values.count)
      // One code of a second moment near zero moves its parameter by more than all the rest.
      expectClose(values, exact, absolute: name == "small" ? 2e-6 : 5e-3, name)
      #expect(mean < 1e-5, "\(name)")
      expectClose(values, try golden.floats("table.\(name)"), absolute: 1e-2, name)
    }
  }

  // MARK: Courses of the tiny model

  private func run(
    _ model: any CausalLM, _ optimizer: AdamW, rate: Float, clip: Double, steps: Int
  ) throws -> [Float] {
    let batch = try TinyLlamaTests.Batch(Golden("qlora/batch.safetensors"))
    var losses: [Float] = []
    for _ in 0..<steps {
      let loss = linearCrossEntropy(
        TinyLlamaTests.hidden(model, batch), head: model.head, targets: batch.targets,
        scale: 1 / batch.weights.reduce(0, +)
      ).loss
      loss.backward()
      optimizer.step(
        learningRate: rate,
        gradientScale: clippingFactor(norm: globalGradientNorm(optimizer.targets), maximum: clip))
      optimizer.clearGradients()
      losses.append(loss.scalar)
    }
    return losses
  }

  /// All weights of the tiny model.
  private func course(_ kind: AdamW.Kind, pagedIn directory: URL? = nil) throws -> [Float] {
    let model = try Checkpoint(Golden.url("qlora/base")).load(on: backend, trainable: true)
    let targets = model.parameters.filter(\.parameter.isTrainable).map {
      AdamW.Target(name: $0.name, tensor: $0.parameter.value, decays: false)
    }
    #expect(targets.contains { kind.quantizes($0.tensor.count) } == (kind == .eightBit))
    let configuration = AdamW.Configuration(kind: kind)
    let optimizer =
      try directory.map {
        try AdamW(targets, configuration: configuration, pagedIn: $0.path)
      } ?? AdamW(targets, configuration: configuration)
    let given = settings.course
    return try run(model, optimizer, rate: given.rate, clip: given.clip, steps: given.steps)
  }

  @Test func lossesAreThoseOfBitsandbytes() throws {
    let eightBit = try course(.eightBit)
    let full = try course(.full)
    expectClose(eightBit, settings.losses.adamw_8bit, absolute: 1e-3)
    expectClose(full, settings.losses.adamw, absolute: 1e-4)
    // The precision of the moments hardly shows, but it does.
    expectClose(eightBit, full, absolute: 1e-3)
    #expect(eightBit != full)
  }

  @Test(arguments: AdamW.Kind.allCases) func pagingChangesNoBit(kind: AdamW.Kind) throws {
    let folder = FileManager.default.temporaryDirectory
    #expect(try course(kind, pagedIn: folder) == course(kind))
  }

  private func loraPlus(ratio: Double) throws -> [Float] {
    let given = settings.lora
    let model = try Checkpoint(Golden.url("qlora/base")).load(on: backend, trainable: false)
    let adapter = try LoRAAdapter.inject(
      LoRAConfiguration(rank: given.rank, alpha: given.alpha), into: model.linearSlots, seed: 0)
    for named in adapter.parameters {
      named.parameter.assign(
        GeneratedNumbers.symmetric(
          "qlora/" + PEFTDirectory.prefix + named.name, count: named.parameter.count, bound: 0.1))
    }
    let optimizer = AdamW(
      adapter.parameters.map {
        AdamW.Target(
          name: $0.name, tensor: $0.parameter.value, decays: !$0.parameter.isVector,
          rateFactor: LoRAPlus.rateFactor(of: $0, ratio: ratio))
      }, configuration: .init(weightDecay: given.weight_decay))
    return try run(model, optimizer, rate: given.rate, clip: given.clip, steps: given.steps)
  }

  @Test func lossesOfLoRAPlusAreThoseOfPEFT() throws {
    expectClose(
      try loraPlus(ratio: settings.lora.ratio), settings.losses.lora_plus, absolute: 1e-3)
    let plain = try #require(try loraPlus(ratio: 1).last)
    #expect(plain > 10 * (settings.losses.lora_plus.last ?? 0), "the ratio makes a difference")
  }
}
