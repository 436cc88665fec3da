import Foundation
import HalterBackend
import HalterOptim
import HalterRandom
import HalterTensor
import Testing

/// AdamW with moments in 8 bits, and with moments in a file.
@Suite struct EightBitAdamWTests {
  private let backend = CPUBackend(threads: 2)

  private func target(
    _ count: Int, _ name: String = "x", on backend: CPUBackend? = nil, rateFactor: Float = 1
  ) -> AdamW.Target {
    var stream = RandomStream(seed: 1, name: name)
    let tensor = Tensor(
      stream.uniform(count: count, bound: 1), shape: [count], on: backend ?? self.backend)
    return AdamW.Target(
      name: name, tensor: tensor.requiringGradient(), decays: true, rateFactor: rateFactor)
  }

  /// Leaves the gradient of a step in every target.
  private func give(_ step: Int, to targets: [AdamW.Target]) {
    for target in targets {
      var stream = RandomStream(seed: UInt64(step), name: target.name)
      target.tensor.clearGradient()
      target.tensor.backward(
        Tensor(
          stream.uniform(count: target.tensor.count, bound: 2), shape: target.tensor.shape,
          on: target.tensor.backend))
    }
  }

  private func run(_ optimizer: AdamW, _ steps: ClosedRange<Int>) {
    for step in steps {
      give(step, to: optimizer.targets)
      optimizer.step(learningRate: 0.01)
    }
  }

  @Test func smallTensorsKeepTheirMomentsInF32() {
    let optimizer = AdamW(
      [target(4095, "small"), target(4096, "large")], configuration: .init(kind: .eightBit))
    run(optimizer, 1...1)
    guard case .full = optimizer.savedMoments(of: 0).first,
      case .codes(let codes, let scales) = optimizer.savedMoments(of: 1).first
    else { return #expect(Bool(false), "4096 elements are the least in 8 bits") }
    #expect(codes.count == 4096 && scales.count == 16)
  }

  @Test func embeddingsKeepTheirMomentsInF32() {
    let tensor = Tensor(zeros: [64, 64], on: backend).requiringGradient()
    let target = AdamW.Target(name: "x", tensor: tensor, decays: false, isEmbedding: true)
    let optimizer = AdamW([target], configuration: .init(kind: .eightBit))
    #expect(!optimizer.quantizes(target))
    #expect(
      optimizer.savedMoments(of: 0).first == .full([Float](repeating: 0, count: 4096)))
    #expect(AdamW.Kind.eightBit.stateBytes(of: 4096, isEmbedding: true) == 8 * 4096)
  }

  @Test func momentsTakeTwoBytesInsteadOfEight() {
    #expect(AdamW.Kind.full.stateBytes(of: 1_000_000) == 8_000_000)
    #expect(AdamW.Kind.full.stateBytes(of: 4095) == 2 * 4095 * 4 + 2 * 4)
    #expect(AdamW.Kind.eightBit.stateBytes(of: 4095) == AdamW.Kind.full.stateBytes(of: 4095))
    #expect(AdamW.Kind.eightBit.stateBytes(of: 1 << 20) == 2 * (1 << 20) + 2 * 4 * 4096)
    #expect(AdamW.Kind.eightBit.stateBytes(of: 0) == 0)
  }

  @Test func itFollowsAdamWInF32() {
    let (exact, coded) = (target(5000), target(5000))
    let (first, second) = (
      AdamW([exact], configuration: .init()), AdamW([coded], configuration: .init(kind: .eightBit))
    )
    run(first, 1...20)
    run(second, 1...20)
    let distances = zip(exact.tensor.floats, coded.tensor.floats).map { abs($0 - $1) }
    // Parameters have moved by up to 0.2.
    #expect(distances.reduce(0, +) / 5000 < 2e-3)
    #expect(exact.tensor.floats != coded.tensor.floats)
  }

  @Test func threadsChangeNoBit() {
    let (one, three) = (CPUBackend(threads: 1), CPUBackend(threads: 3))
    let values = [one, three].map { backend in
      let target = target(100_000, on: backend)
      run(AdamW([target], configuration: .init(kind: .eightBit)), 1...3)
      return target.tensor.floats
    }
    #expect(values[0] == values[1])
  }

  @Test(arguments: AdamW.Kind.allCases, [false, true])
  func restoringContinuesToTheBit(kind: AdamW.Kind, isPaged: Bool) throws {
    func make() throws -> AdamW {
      let targets = [target(5000, "large"), target(7, "small"), target(0, "none")]
      let configuration = AdamW.Configuration(kind: kind, weightDecay: 0.1)
      return isPaged
        ? try AdamW(
          targets, configuration: configuration,
          pagedIn: FileManager.default.temporaryDirectory.path)
        : AdamW(targets, configuration: configuration)
    }
    let whole = try make()
    run(whole, 1...4)
    let saved = whole.targets.indices.map { whole.savedMoments(of: $0) }
    let values = whole.targets.map(\.tensor.floats)
    run(whole, 5...8)
    let resumed = try make()
    resumed.restore(step: 4) { saved[$0] }
    for (target, values) in zip(resumed.targets, values) { target.tensor.storage.write(values) }
    run(resumed, 5...8)
    #expect(resumed.step == 8)
    for index in whole.targets.indices {
      #expect(resumed.targets[index].tensor.floats == whole.targets[index].tensor.floats)
      #expect(resumed.savedMoments(of: index) == whole.savedMoments(of: index))
    }
  }

  @Test func momentsInAFileAreTheSame() throws {
    let (kept, paged) = (
      [target(9000, "a"), target(70, "b")], [target(9000, "a"), target(70, "b")]
    )
    let first = AdamW(kept, configuration: .init())
    let second = try AdamW(
      paged, configuration: .init(), pagedIn: FileManager.default.temporaryDirectory.path)
    run(first, 1...5)
    run(second, 1...5)
    #expect(kept.map(\.tensor.floats) == paged.map(\.tensor.floats))
    #expect(first.savedMoments(of: 0) == second.savedMoments(of: 0))
  }

  @Test func aFactorMultipliesTheRateAndTheDecay() {
    let (fast, slow) = (target(10, rateFactor: 4), target(10))
    let first = AdamW([fast], configuration: .init(weightDecay: 0.5))
    let second = AdamW([slow], configuration: .init(weightDecay: 0.5))
    give(1, to: [fast, slow])
    first.step(learningRate: 0.01)
    second.step(learningRate: 0.04)
    #expect(fast.tensor.floats == slow.tensor.floats)
  }

  @Test func momentsOfAnotherFormAreABug() async {
    await #expect(processExitsWith: .failure) {
      let tensor = Tensor(zeros: [4096], on: CPUBackend(threads: 1)).requiringGradient()
      let optimizer = AdamW(
        [.init(name: "x", tensor: tensor, decays: true)], configuration: .init(kind: .eightBit))
      let zeros = [Float](repeating: 0, count: 4096)
      optimizer.restore(step: 1) { _ in .init(first: .full(zeros), second: .full(zeros)) }
    }
  }
}
