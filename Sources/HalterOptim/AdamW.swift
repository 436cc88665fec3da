import HalterBackend
import HalterTensor

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), with bias correction
/// and epsilon outside the root, as `torch.optim.AdamW` computes it; its moments in f32 or, as
/// bitsandbytes' `AdamW8bit` keeps them, in 8 bits (Dettmers et al. 2022).
public final class AdamW {
  /// The constants that a whole run shares.
  public struct Configuration: Sendable, Equatable {
    /// How the moments are kept.
    public var kind: Kind
    /// The decay rate of the first moment.
    public var beta1: Float
    /// The decay rate of the second moment.
    public var beta2: Float
    /// Added to the root of the second moment.
    public var epsilon: Float
    /// Decoupled weight decay of the tensors that are decayed.
    public var weightDecay: Float

    /// Constants; the defaults are those of PyTorch, but for no decay.
    public init(
      kind: Kind = .full, beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8,
      weightDecay: Float = 0
    ) {
      self.kind = kind
      self.beta1 = beta1
      self.beta2 = beta2
      self.epsilon = epsilon
      self.weightDecay = weightDecay
    }
  }

  /// A tensor to optimise: a leaf of the graph, changed in place.
  public struct Target {
    /// The name under which its moments are saved.
    public let name: String
    /// The leaf.
    public let tensor: Tensor
    /// Whether weight decay applies (not to norms and biases).
    public let decays: Bool
    /// Whether it holds the vectors of tokens.
    public let isEmbedding: Bool
    /// Multiplies the learning rate, and with it the decay.
    public let rateFactor: Float

    /// A leaf under a name.
    public init(
      name: String, tensor: Tensor, decays: Bool, isEmbedding: Bool = false, rateFactor: Float = 1
    ) {
      self.name = name
      self.tensor = tensor
      self.decays = decays
      self.isEmbedding = isEmbedding
      self.rateFactor = rateFactor
    }
  }

  /// The moments of one tensor, as saved in a checkpoint.
  public struct Moments: Sendable, Equatable {
    /// The running mean of the gradient.
    public var first: Moment
    /// The running mean of its square.
    public var second: Moment

    /// Moments of equal length and form.
    public init(first: Moment, second: Moment) {
      self.first = first
      self.second = second
    }
  }

  /// One of the two moments.
  public enum WhichMoment: String, Sendable, CaseIterable {
    /// The running mean of the gradient.
    case first
    /// The running mean of its square.
    case second
  }

  /// A moment of one tensor in one of its forms.
  public enum Moment: Sendable, Equatable {
    /// Numbers.
    case full([Float])
    /// 8-bit codes, and a scale for each block of 256.
    case codes([UInt8], scales: [Float])
  }

  /// The constants in use.
  public let configuration: Configuration
  /// What is optimised.
  public let targets: [Target]
  /// How many steps have been taken.
  public private(set) var step = 0
  private let states: [TensorState]
  private let pages: PagedMemory?

  /// An optimiser with zero moments.
  public init(_ targets: [Target], configuration: Configuration) {
    self.targets = targets
    self.configuration = configuration
    pages = nil
    states = targets.map { target in
      let layout = StateLayout(target, configuration.kind)
      let backend = target.tensor.backend
      let buffer = backend.allocate(byteCount: max(1, layout.byteCount))
      backend.fill(buffer, count: layout.byteCount / 4, with: 0)
      return layout.state(in: buffer)
    }
  }

  /// An optimiser with zero moments in a file without a name, of which the moments of one or two
  /// tensors are resident at a time: those of all may be larger than memory.
  /// - Parameter directory: where the file is made.
  /// - Throws: `PagedMemoryError` if that directory has no room for it or cannot be written.
  public init(
    _ targets: [Target], configuration: Configuration, pagedIn directory: String
  ) throws(PagedMemoryError) {
    self.targets = targets
    self.configuration = configuration
    let layouts = targets.map { StateLayout($0, configuration.kind) }
    let memory = try PagedMemory(directory: directory, sizes: layouts.map(\.byteCount))
    pages = memory
    states = layouts.enumerated().map { $1.state(in: memory.region($0)) }
  }

  /// One step on the gradients that the targets hold; a target without a gradient is left alone.
  /// - Parameters:
  ///   - learningRate: the step size.
  ///   - gradientScale: multiplies every gradient, usually the factor of clipping.
  public func step(learningRate: Float, gradientScale: Float = 1) {
    step += 1
    for (index, target) in targets.enumerated() {
      guard let gradient = target.tensor.gradient else { continue }
      let constants = AdamWConstants(
        learningRate: learningRate * target.rateFactor, beta1: configuration.beta1,
        beta2: configuration.beta2, epsilon: configuration.epsilon,
        weightDecay: target.decays ? configuration.weightDecay : 0, step: step,
        gradientScale: gradientScale)
      visit(index) { state in
        let (tensor, backend) = (target.tensor, target.tensor.backend)
        switch state {
        case .full(let first, let second):
          backend.adamW(
            constants, gradient: gradient.storage, parameter: tensor.storage, m: first, v: second,
            count: tensor.count)
        case .quantized(let moments):
          backend.adamW(
            constants, gradient: gradient.storage, parameter: tensor.storage, moments: moments,
            count: tensor.count)
        }
      }
    }
  }

  /// Whether the moments of a target are 8-bit codes.
  public func quantizes(_ target: Target) -> Bool {
    configuration.kind.quantizes(target.tensor.count, isEmbedding: target.isEmbedding)
  }

  /// Forgets the gradients of all targets.
  public func clearGradients() {
    for target in targets { target.tensor.clearGradient() }
  }

  /// A moment of a target, copied out.
  public func saved(_ which: WhichMoment, of index: Int) -> Moment {
    visit(index) { $0.saved(which, targets[index].tensor.count) }
  }

  /// Both moments of a target, copied out.
  public func savedMoments(of index: Int) -> Moments {
    Moments(first: saved(.first, of: index), second: saved(.second, of: index))
  }

  /// Continues from a step with saved moments.
  /// - Parameter moments: those of a target, in the form and size that it has here; asked for one
  ///   target at a time, as all together may not fit in memory.
  public func restore(step: Int, _ moments: (Int) throws -> Moments) rethrows {
    for index in targets.indices {
      let saved = try moments(index)
      visit(index) { $0.restore(saved, targets[index].tensor.count) }
    }
    self.step = step
  }

  /// Uses the state of a target. If it is paged, the next one is on its way meanwhile, and this one
  /// need not stay.
  private func visit<R>(_ index: Int, _ body: (TensorState) -> R) -> R {
    guard let pages else { return body(states[index]) }
    if index + 1 < states.count { pages.prefetch(index + 1) }
    defer { pages.release(index) }
    return body(states[index])
  }
}
