import HalterAdapters
import HalterBackend
import HalterData
import HalterModels
import HalterTraining

// What a run trains: the recipe's model with its adapter or head, and the method for it.
extension TrainJob {
  /// The model with what is trained of it, and how.
  typealias Trained = (
    model: any CausalLM, weights: any TrainedWeights, method: any HalterTraining.Method
  )

  /// Whether the run's model is to predict tokens.
  var hasHead: Bool {
    recipe.method != .reward || RewardOptions(recipe.reward).languageModeling > 0
  }

  /// Loads the model of a run.
  /// - Parameters:
  ///   - recomputes: whether blocks are computed again in the backward pass.
  ///   - blocks: only so many blocks, to try how fast they are; all when nil.
  func load(_ prepared: Prepared, recomputes: Bool, blocks: Int? = nil) throws -> Trained {
    if recipe.method == .reward {
      return try loadReward(prepared, recomputes: recomputes, blocks: blocks)
    }
    let data = prepared.data
    let model = try decoder(prepared, blocks: blocks)
    let weights: any TrainedWeights
    if let adapter = recipe.adapter {
      weights = AdapterWeights(
        try inject(adapter, into: model, isTrial: blocks != nil), base: baseForOthers,
        template: data.template)
    } else {
      weights = ModelWeights(
        model, checkpoint: data.open.checkpoint, tokenizer: data.open.tokenizer,
        template: data.template)
    }
    return (
      model, weights,
      SFTMethod(
        recipe.method.rawValue, model: model, train: prepared.train,
        validation: prepared.validation, recomputesBlocks: recomputes)
    )
  }

  /// The recipe's model, with or without the head that predicts tokens.
  private func decoder(_ prepared: Prepared, blocks: Int?) throws -> any CausalLM {
    let checkpoint = prepared.data.open.checkpoint
    return recipe.model.initialization == .random
      ? try checkpoint.random(
        seed: UInt64(recipe.train.seed), on: prepared.backend, blocks: blocks, hasHead: hasHead)
      : try checkpoint.load(
        on: prepared.backend, trainable: recipe.adapter == nil,
        quantization: recipe.model.quantize?.quantization, blocks: blocks, hasHead: hasHead)
  }

  private func loadReward(
    _ prepared: Prepared, recomputes: Bool, blocks: Int?
  ) throws -> Trained {
    let data = prepared.data
    let checkpoint = data.open.checkpoint
    let backbone = try decoder(prepared, blocks: blocks)
    let adapter = try recipe.adapter.map {
      try inject($0, into: backbone, isTrial: blocks != nil)
    }
    let model = RewardModel(
      backbone, head: try head(checkpoint, size: backbone.hiddenSize), trainable: true)
    let weights: any TrainedWeights
    if let adapter {
      weights = RewardAdapterWeights(
        adapter, model, base: baseForOthers, template: data.template)
    } else {
      weights = RewardModelWeights(
        model, checkpoint: checkpoint, tokenizer: data.open.tokenizer, template: data.template)
    }
    return (
      backbone, weights,
      try RewardMethod(
        model: model, train: prepared.train, validation: prepared.validation,
        options: RewardOptions(recipe.reward), recomputesBlocks: recomputes)
    )
  }

  /// The head that a reward model begins with: that of the adapter or of the checkpoint that it
  /// starts from, where they have one, or else a fresh one.
  private func head(_ checkpoint: Checkpoint, size: Int) throws -> [Float] {
    if case .adapter(let path) = recipe.adapter?.initialization,
      let head = try PEFTDirectory.head(RewardModel.headName, size: size, in: path.url)
    {
      return head
    }
    if recipe.model.initialization == .pretrained, let head = try checkpoint.scoreHead() {
      return head
    }
    return RewardModel.freshHead(size: size, seed: UInt64(recipe.train.seed))
  }

  /// The base model as other tools can look it up: an absolute path, or a repository of the hub.
  private var baseForOthers: String {
    let name = modelName
    guard name.hasPrefix("hf:") else { return name }
    return String(name.dropFirst("hf:".count).prefix { $0 != "@" })
  }

  /// - Parameter isTrial: whether the model has only a few blocks, which get a fresh adapter.
  private func inject(
    _ adapter: AdapterRecipe, into model: any CausalLM, isTrial: Bool
  ) throws -> LoRAAdapter {
    if isTrial { return try injectTrial(adapter, into: model) }
    if case .adapter(let path) = adapter.initialization {
      return try PEFTDirectory.load(
        path.url, into: model.linearSlots, dropout: adapter.dropout,
        head: recipe.method == .reward ? RewardModel.headName : nil)
    }
    return try LoRAAdapter.inject(
      configuration(of: adapter, blocks: model.layers), into: model.linearSlots,
      seed: UInt64(recipe.train.seed))
  }

  /// A fresh adapter of the same kind, in whichever blocks there are.
  private func injectTrial(
    _ adapter: AdapterRecipe, into model: any CausalLM
  ) throws -> LoRAAdapter {
    var wanted = try configuration(of: adapter, blocks: .max)
    wanted.layers = nil
    do {
      return try LoRAAdapter.inject(wanted, into: model.linearSlots, seed: 0)
    } catch {
      // The targets are in later blocks; here all layers stand for them.
      wanted.targets = .allLinear
      return try LoRAAdapter.inject(wanted, into: model.linearSlots, seed: 0)
    }
  }

  /// What a fresh adapter is on a model of so many blocks.
  func configuration(of adapter: AdapterRecipe, blocks: Int) throws -> LoRAConfiguration {
    let targets: LoRAConfiguration.Targets =
      switch adapter.targets {
      case .allLinear: .allLinear
      case .names(let names): .names(names)
      case .pattern(let pattern): .pattern(pattern)
      }
    if let last = adapter.layers?.last, last >= blocks {
      throw TrainingError(
        .impossible,
        "adapter.layers names block \(last), the model has blocks 0 to "
          + "\(blocks - 1)", mend: "Correct adapter.layers")
    }
    let layers = adapter.layers.map { layers in
      (0..<min(blocks, 1 << 16)).filter(layers.contains)
    }
    return LoRAConfiguration(
      rank: adapter.rank, alpha: adapter.alpha, dropout: adapter.dropout,
      usesRSLoRA: adapter.rslora, usesDoRA: adapter.dora, targets: targets, layers: layers)
  }
}
