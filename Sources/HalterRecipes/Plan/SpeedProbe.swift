import HalterNN
import HalterOptim
import HalterTensor
import HalterTraining

/// How fast this machine trains a model, from a few of its blocks: what a block costs is the
/// difference between two models that differ by blocks alone.
struct SpeedProbe {
  /// Seconds for each token: of a block, and of what is around all blocks.
  struct Cost: Equatable {
    var block: Double
    var rest: Double

    /// The time of a pass of so many tokens through a model of so many blocks.
    func seconds(tokens: Int, layers: Int) -> Double {
      Double(tokens) * (Double(layers) * block + rest)
    }
  }

  /// Forward and backward.
  let step: Cost
  /// Forward alone, as in evaluation.
  let evaluation: Cost
  /// Seconds for each parameter of an optimiser step.
  let optimizer: Double

  /// Tokens that a measurement takes at most.
  private static let tokens = 512
  /// Seconds after which a measurement is not repeated.
  private static let patience = 0.5

  /// Measures, in a second or two; in some more where a block alone takes that long.
  /// - Parameters:
  ///   - rows: rows of the run by their numbers, and their lengths; a few of them are used.
  ///   - layers: how many blocks the model has.
  ///   - kind: how the optimiser keeps its moments; one in memory stands for one in a file.
  ///   - load: a model of the first so many blocks, and what is trained of it.
  init(
    rows: [(number: Int, tokens: Int)], layers: Int, optimizer kind: AdamW.Kind,
    _ load: (Int) throws -> TrainJob.Trained
  ) throws {
    let few = Self.few(rows)
    let count = Double(max(1, few.reduce(0) { $0 + $1.tokens }))
    let numbers = few.map(\.number)
    func measure(_ layers: Int) throws -> (step: Double, evaluation: Double, optimizer: Double) {
      let trained = try load(layers)
      let targets = trained.weights.parameters.map {
        AdamW.Target(name: $0.name, tensor: $0.parameter.value, decays: false)
      }
      let optimizer = AdamW(targets, configuration: .init(kind: kind))
      func loss() throws -> Tensor {
        try trained.method.loss(of: numbers, in: .train, scale: 1 / count, dropoutSeed: 1).loss
      }
      let step = try Self.seconds {
        optimizer.clearGradients()
        try loss().backward()
      }
      let evaluation = try Self.seconds { _ = try withoutGradients { try loss() } }
      let update = Self.seconds { optimizer.step(learningRate: 0) }
      let parameters = targets.reduce(0) { $0 + $1.tensor.count }
      return (step, evaluation, update / Double(max(1, parameters)))
    }
    let one = try measure(1)
    guard layers > 1 else {
      step = Cost(block: 0, rest: one.step / count)
      evaluation = Cost(block: 0, rest: one.evaluation / count)
      optimizer = one.optimizer
      return
    }
    // Blocks that cost little are measured by more of them.
    let more = min(layers, one.step < 0.2 ? 4 : 2)
    let several = try measure(more)
    func cost(_ few: Double, _ many: Double) -> Cost {
      let block = max(0, (many - few) / Double(more - 1))
      return Cost(block: block / count, rest: max(0, few - block) / count)
    }
    step = cost(one.step, several.step)
    evaluation = cost(one.evaluation, several.evaluation)
    optimizer = min(one.optimizer, several.optimizer)
  }

  /// The least of a few times. The first makes memory ready, and counts only where it takes so long
  /// that this is a small part of it.
  private static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    var (least, total) = (Double.infinity, 0.0)
    for round in 0..<4 where total < patience {
      let duration = try clock.measure(body).components
      let seconds = Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
      if round > 0 || seconds >= patience { least = min(least, seconds) }
      total += seconds
    }
    return least
  }

  /// As many rows as are few tokens, at least one.
  private static func few(
    _ rows: [(number: Int, tokens: Int)]
  ) -> [(number: Int, tokens: Int)] {
    var left = tokens
    var taken: [(number: Int, tokens: Int)] = []
    for row in rows where taken.isEmpty || row.tokens <= left {
      taken.append(row)
      left -= row.tokens
    }
    return taken
  }
}
