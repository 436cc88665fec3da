import Foundation
import HalterAdapters
import HalterNN
import HalterOptim
import HalterTraining

extension TrainRecipe {
  /// The optimiser of the parameters that a run trains.
  /// - Parameter directory: that of the run, where paged moments lie.
  /// - Throws: `PagedMemoryError` if there is no room for them.
  func optimizer(of weights: any TrainedWeights, in directory: URL) throws -> AdamW {
    let targets = weights.parameters.map { named in
      AdamW.Target(
        name: named.name, tensor: named.parameter.value, decays: !named.parameter.isVector,
        isEmbedding: named.isEmbedding,
        rateFactor: loraPlusRatio.map { LoRAPlus.rateFactor(of: named, ratio: $0) } ?? 1)
    }
    let configuration = AdamW.Configuration(
      kind: optimizer.adamW, beta1: Float(betas.first), beta2: Float(betas.second),
      epsilon: Float(epsilon), weightDecay: Float(weightDecay))
    return optimizer.isPaged
      ? try AdamW(targets, configuration: configuration, pagedIn: directory.path)
      : AdamW(targets, configuration: configuration)
  }
}

extension OptimizerRecipe {
  /// How AdamW keeps its moments for this.
  var adamW: AdamW.Kind {
    switch kind {
    case .adamw: .full
    case .adamw8bit: .eightBit
    }
  }
}
