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

  func load(
    _ data: RecipeData, on backend: CPUBackend, train: Dataset, validation: Dataset?
  ) throws -> Trained {
    if recipe.method == .reward {
      return try loadReward(data, on: backend, train: train, validation: validation)
    }
    let model = try decoder(data.open.checkpoint, on: backend, hasHead: true)
    let weights: any TrainedWeights
    if let adapter = recipe.adapter {
      weights = AdapterWeights(
        try inject(adapter, into: model), base: baseForOthers, template: data.template)
    } else {
      weights = ModelWeights(
        model, checkpoint: data.open.checkpoint, tokenizer: data.open.tokenizer,
        template: data.template)
    }
    return (
      model, weights,
      SFTMethod(
        recipe.method.rawValue, model: model, train: train, validation: validation,
        recomputesBlocks: recipe.train.recompute == .blocks)
    )
  }

  /// The recipe's model, with or without the head that predicts tokens.
  private func decoder(
    _ checkpoint: Checkpoint, on backend: CPUBackend, hasHead: Bool
  ) throws -> any CausalLM {
    recipe.model.initialization == .random
      ? try checkpoint.random(
        seed: UInt64(recipe.train.seed), on: backend, hasHead: hasHead)
      : try checkpoint.load(
        on: backend, trainable: recipe.adapter == nil,
        quantization: recipe.model.quantize?.quantization, hasHead: hasHead)
  }

  private func loadReward(
    _ data: RecipeData, on backend: CPUBackend, train: Dataset, validation: Dataset?
  ) throws -> Trained {
    let checkpoint = data.open.checkpoint
    let options = RewardOptions(recipe.reward)
    let backbone = try decoder(checkpoint, on: backend, hasHead: options.languageModeling > 0)
    let adapter = try recipe.adapter.map { try inject($0, into: backbone) }
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
        model: model, train: train, validation: validation, options: options,
        recomputesBlocks: recipe.train.recompute == .blocks)
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

  private func inject(
    _ adapter: AdapterRecipe, into model: any CausalLM
  ) throws -> LoRAAdapter {
    if case .adapter(let path) = adapter.initialization {
      return try PEFTDirectory.load(
        path.url, into: model.linearSlots, dropout: adapter.dropout,
        head: recipe.method == .reward ? RewardModel.headName : nil)
    }
    let targets: LoRAConfiguration.Targets =
      switch adapter.targets {
      case .allLinear: .allLinear
      case .names(let names): .names(names)
      case .pattern(let pattern): .pattern(pattern)
      }
    if let last = adapter.layers?.last, last >= model.layers {
      throw TrainingError(
        .impossible,
        "adapter.layers names block \(last), the model has blocks 0 to "
          + "\(model.layers - 1)", mend: "Correct adapter.layers")
    }
    let layers = adapter.layers.map { layers in (0..<model.layers).filter(layers.contains) }
    return try LoRAAdapter.inject(
      LoRAConfiguration(
        rank: adapter.rank, alpha: adapter.alpha, dropout: adapter.dropout,
        usesRSLoRA: adapter.rslora, targets: targets, layers: layers),
      into: model.linearSlots, seed: UInt64(recipe.train.seed))
  }
}
