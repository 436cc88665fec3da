import HalterBackend
import HalterTensor

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), with bias correction
/// and epsilon outside the root, as `torch.optim.AdamW` computes it.
public final class AdamW {
  /// The constants that a whole run shares.
  public struct Configuration: Sendable, Equatable {
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
      beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, weightDecay: Float = 0
    ) {
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

    /// A leaf under a name.
    public init(name: String, tensor: Tensor, decays: Bool) {
      self.name = name
      self.tensor = tensor
      self.decays = decays
    }
  }

  /// The moments of one tensor, as saved in a checkpoint.
  public struct Moments: Sendable, Equatable {
    /// The running mean of the gradient.
    public var first: [Float]
    /// The running mean of its square.
    public var second: [Float]

    /// Moments of equal length.
    public init(first: [Float], second: [Float]) {
      self.first = first
      self.second = second
    }
  }

  /// The constants in use.
  public let configuration: Configuration
  /// What is optimised.
  public let targets: [Target]
  /// How many steps have been taken.
  public private(set) var step = 0
  private let moments: [(first: Tensor, second: Tensor)]

  /// An optimiser with zero moments.
  public init(_ targets: [Target], configuration: Configuration) {
    self.targets = targets
    self.configuration = configuration
    moments = targets.map {
      (
        Tensor(zeros: $0.tensor.shape, on: $0.tensor.backend),
        Tensor(zeros: $0.tensor.shape, on: $0.tensor.backend)
      )
    }
  }

  /// One step on the gradients that the targets hold; a target without a gradient is left alone.
  /// - Parameters:
  ///   - learningRate: the step size.
  ///   - gradientScale: multiplies every gradient, usually the factor of clipping.
  public func step(learningRate: Float, gradientScale: Float = 1) {
    step += 1
    for (target, moments) in zip(targets, moments) {
      guard let gradient = target.tensor.gradient else { continue }
      let constants = AdamWConstants(
        learningRate: learningRate, beta1: configuration.beta1, beta2: configuration.beta2,
        epsilon: configuration.epsilon,
        weightDecay: target.decays ? configuration.weightDecay : 0, step: step,
        gradientScale: gradientScale)
      target.tensor.backend.adamW(
        constants, gradient: gradient.storage, parameter: target.tensor.storage,
        m: moments.first.storage, v: moments.second.storage, count: target.tensor.count)
    }
  }

  /// Forgets the gradients of all targets.
  public func clearGradients() {
    for target in targets { target.tensor.clearGradient() }
  }

  /// The moments of a target, copied out.
  public func savedMoments(of index: Int) -> Moments {
    Moments(first: moments[index].first.floats, second: moments[index].second.floats)
  }

  /// Puts saved moments back and continues from a step.
  public func restore(_ saved: [Moments], step: Int) {
    precondition(
      saved.count == moments.count, "\(saved.count) moments for \(moments.count) tensors")
    for (moments, saved) in zip(moments, saved) {
      precondition(saved.first.count == moments.first.count)
      precondition(saved.second.count == moments.second.count)
      moments.first.storage.write(saved.first)
      moments.second.storage.write(saved.second)
    }
    self.step = step
  }
}

/// The norm of all gradients together, as clipping sees it (Pascanu et al. 2013).
/// - Returns: sqrt of the sum of squares over all targets, in double precision; not finite as soon
///   as one gradient is not.
public func globalGradientNorm(_ targets: [AdamW.Target]) -> Double {
  targets.reduce(0.0) { $0 + ($1.tensor.gradient?.sumOfSquares ?? 0) }.squareRoot()
}

/// The factor that brings a norm down to a maximum, 1 if it is below; as `clip_grad_norm_`.
/// - Returns: NaN for a norm that is NaN, as there is no factor that mends such gradients.
public func clippingFactor(norm: Double, maximum: Double?) -> Float {
  guard let maximum else { return 1 }
  let factor = maximum / (norm + 1e-6)
  return factor > 1 ? 1 : Float(factor)
}
