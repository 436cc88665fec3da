import HalterBackend
import HalterData
import HalterModels
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
  ///   - rows: rows of the run; they are cut short where they are many.
  ///   - layers: how many blocks the model has.
  ///   - kind: how the optimiser keeps its moments; one in memory stands for one in a file.
  ///   - make: a model of the first so many blocks, and what of it is trained.
  init(
    rows: [TokenizedRow], layers: Int, recomputes: Bool, optimizer kind: AdamW.Kind,
    _ make: (Int) throws -> (model: any CausalLM, trained: [NamedParameter])
  ) throws {
    let batch = Batch(rows: Self.cut(rows))
    let count = Double(max(1, batch.tokens.count))
    func measure(_ layers: Int) throws -> (step: Double, evaluation: Double, optimizer: Double) {
      let (model, trained) = try make(layers)
      let targets = trained.map {
        AdamW.Target(name: $0.name, tensor: $0.parameter.value, decays: false)
      }
      let optimizer = AdamW(targets, configuration: .init(kind: kind))
      func loss(recomputes: Bool) -> Tensor {
        let hidden = model.hidden(of: batch, dropoutSeed: 1, recomputesBlocks: recomputes)
        return linearCrossEntropy(
          hidden, head: model.head, targets: LossTargets(batch), scale: 1 / Float(count)
        ).loss
      }
      let step = Self.seconds {
        optimizer.clearGradients()
        loss(recomputes: recomputes).backward()
      }
      let evaluation = Self.seconds { _ = withoutGradients { loss(recomputes: false) } }
      let update = Self.seconds { optimizer.step(learningRate: 0) }
      let parameters = trained.reduce(0) { $0 + $1.parameter.count }
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

  /// The least of a few times; the first, which makes memory ready, does not count.
  private static func seconds(_ body: () -> Void) -> Double {
    let clock = ContinuousClock()
    body()
    var (least, total) = (Double.infinity, 0.0)
    for _ in 0..<3 where total < patience {
      let duration = clock.measure(body).components
      let seconds = Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
      (least, total) = (min(least, seconds), total + seconds)
    }
    return least
  }

  /// As many rows as are few tokens; if the first is too long for that, its beginning.
  private static func cut(_ rows: [TokenizedRow]) -> [TokenizedRow] {
    var left = tokens
    var taken: [TokenizedRow] = []
    for row in rows where taken.isEmpty || row.tokens.count <= left {
      let count = min(left, row.tokens.count)
      taken.append(
        TokenizedRow(
          tokens: Array(row.tokens.prefix(count)),
          lossWeights: Array(row.lossWeights.prefix(count)),
          location: row.location))
      left -= count
    }
    return taken
  }
}
