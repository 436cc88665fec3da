import HalterAdapters
import HalterBackend
import HalterData
import HalterModels
import HalterTraining

extension TrainJob {
  /// The rows of the micro-batch of the first epoch that has most tokens.
  func longestBatch(_ prepared: Prepared) -> [Int] {
    let lengths = prepared.train.lengths
    func tokens(_ rows: [Int]) -> Int { rows.reduce(0) { $0 + lengths[$1] } }
    return prepared.planner.epoch(0).microBatches.max { tokens($0) < tokens($1) } ?? []
  }

  /// What the run takes of memory, and what `train.recompute: auto` makes of it.
  /// - Parameter available: bytes that the process can still take.
  func memory(_ prepared: Prepared, available: Int) throws -> RunMemory {
    let checkpoint = prepared.data.open.checkpoint
    let rows = try longestBatch(prepared).map { try prepared.train.row($0) }
    let batch = ActivationMemory.Batch(
      tokens: rows.reduce(0) { $0 + $1.tokens.count },
      trained: hasHead ? rows.reduce(0) { $0 + $1.trainedTokens } : 0,
      longest: rows.map(\.tokens.count).max() ?? 0)
    var configuration = checkpoint.configuration
    // A head that is not there is as one that is the embedding.
    if !hasHead { configuration.tiesEmbeddings = true }
    let adapter = try recipe.adapter.map { try size(of: $0, on: checkpoint.configuration) }
    let shape = MemoryPlan.Shape(
      configuration: configuration,
      weights: checkpoint.memory(
        trainable: adapter == nil, quantization: recipe.model.quantize?.quantization,
        hasHead: hasHead),
      adapter: adapter, batch: batch, compute: prepared.backend.compute, recomputes: false,
      accumulates: recipe.train.accumulate > 1,
      process: ProcessMemory.current.resident, optimizer: recipe.train.optimizer)
    return RunMemory(
      shape, recompute: recipe.train.recompute,
      changes: try changes(prepared), available: available)
  }

  /// The parameters that an adapter has on a model.
  private func size(
    of adapter: AdapterRecipe, on c: LlamaConfiguration
  ) throws -> MemoryPlan.Adapter {
    let configuration =
      if case .adapter(let path) = adapter.initialization {
        try PEFTDirectory.configuration(in: path.url)
      } else {
        try configuration(of: adapter, blocks: c.layers)
      }
    var (sizes, ranks, layers) = ([Int](), 0, [Int: Int]())
    for tensor in c.tensorShapes where tensor.isBlockMatrix {
      guard let block = tensor.block,
        let size = try configuration.size(
          on: String(tensor.name.dropLast(".weight".count)), layer: block,
          inputs: tensor.shape[1], outputs: tensor.shape[0])
      else { continue }
      sizes += size.parameters
      ranks = max(ranks, size.rank)
      layers[block, default: 0] += 1
    }
    return MemoryPlan.Adapter(
      sizes: sizes, layers: .init(rank: ranks, layers: layers))
  }

  /// What could make the run smaller, the least harmful first.
  private func changes(_ prepared: Prepared) throws -> [RunMemory.Change] {
    let checkpoint = prepared.data.open.checkpoint
    var changes = [
      RunMemory.Change(kind: "recompute", text: "train.recompute=blocks") { shape in
        guard !shape.recomputes else { return nil }
        var smaller = shape
        smaller.recomputes = true
        return smaller
      }
    ]
    func batch(_ kind: String, _ text: String, _ tokens: Int) {
      changes.append(
        RunMemory.Change(kind: kind, text: text) { shape in
          guard tokens < shape.batch.tokens else { return nil }
          var smaller = shape
          smaller.batch.trained = shape.batch.trained * tokens / max(1, shape.batch.tokens)
          smaller.batch.tokens = tokens
          return smaller
        })
    }
    let longest = prepared.train.lengths.max() ?? 0
    if let budget = recipe.train.batchTokens {
      for part in [2, 4, 8] where budget / part >= longest {
        batch(
          "batch",
          "train.batch_tokens=\(budget / part) train.accumulate="
            + "\(recipe.train.accumulate * part)", budget / part)
      }
    }
    changes.append(
      RunMemory.Change(kind: "optimizer", text: "train.optimizer=adamw_8bit") { shape in
        guard shape.optimizer.kind == .adamw else { return nil }
        var smaller = shape
        smaller.optimizer.kind = .adamw8bit
        return smaller
      })
    if recipe.model.quantize == nil, recipe.adapter != nil {
      let weights = checkpoint.memory(
        trainable: false, quantization: WeightQuantization(kind: .nf4), hasHead: hasHead)
      changes.append(
        RunMemory.Change(kind: "quantize", text: "model.quantize=nf4") { shape in
          guard weights.reduce(0, { $0 + $1.bytes }) < shape.weights.reduce(0, { $0 + $1.bytes })
          else { return nil }
          var smaller = shape
          smaller.weights = weights
          return smaller
        })
    }
    if recipe.adapter == nil, checkpoint.weights != nil, recipe.model.initialization != .random {
      let weights = checkpoint.memory(trainable: false, hasHead: hasHead)
      let adapter = try size(of: AdapterRecipe(), on: checkpoint.configuration)
      changes.append(
        RunMemory.Change(kind: "adapter", text: "adapter=lora") { shape in
          guard shape.adapter == nil else { return nil }
          var smaller = shape
          (smaller.weights, smaller.adapter) = (weights, adapter)
          return smaller
        })
    }
    for part in [2, 4] where longest / part >= 64 {
      batch("length", "data.max_length=\(longest / part)", longest / part)
    }
    return changes
  }
}
