import Foundation
import HalterAdapters
import HalterBackend
import HalterData
import HalterFormats
import HalterHub
import HalterModels
import HalterNN
import HalterOptim
import HalterTokenizers
import HalterTraining

/// Runs a training recipe: loads the model and the data, trains, and leaves a run directory.
public struct TrainJob {
  let loaded: LoadedRecipe
  let place: Workplace
  var recipe: Recipe { loaded.recipe }

  /// A job for a recipe.
  /// - Throws: what keeps the adapter that the recipe starts from from being read, and
  ///   `TrainingError` if the recipe contradicts it.
  public init(_ loaded: LoadedRecipe, in place: Workplace) throws {
    try loaded.checkFiles()
    self.loaded = try Self.settled(loaded)
    self.place = place
  }

  /// A recipe that starts from an adapter has that adapter's rank, alpha, targets and layers: they
  /// are filled in, so that the stored recipe says what the run does.
  private static func settled(_ loaded: LoadedRecipe) throws -> LoadedRecipe {
    guard var adapter = loaded.recipe.adapter, case .adapter(let path) = adapter.initialization
    else { return loaded }
    let c = try PEFTDirectory.configuration(in: path.url)
    func check<Value: Equatable>(_ key: String, _ wanted: Value, _ found: Value) throws {
      guard loaded.origin(of: "adapter.\(key)") != .byDefault, wanted != found else { return }
      throw TrainingError(
        .impossible, "adapter.\(key) is \(wanted), the adapter in \(path.text) has \(found)",
        mend: "Leave adapter.\(key) out: a run that starts from an adapter keeps its shape")
    }
    let targets: AdapterTargets =
      switch c.targets {
      case .allLinear: .allLinear
      case .names(let names): .names(names)
      case .pattern(let pattern): .pattern(pattern)
      }
    try check("rank", adapter.rank, c.rank)
    try check("alpha", adapter.alpha, c.alpha)
    try check("rslora", adapter.rslora, c.usesRSLoRA)
    try check("dora", adapter.dora, c.usesDoRA)
    try check("targets", adapter.targets, targets)
    (adapter.rank, adapter.alpha) = (c.rank, c.alpha)
    (adapter.rslora, adapter.dora) = (c.usesRSLoRA, c.usesDoRA)
    adapter.targets = targets
    if loaded.origin(of: "adapter.dropout") == .byDefault { adapter.dropout = c.dropout }
    var settled = loaded
    settled.recipe.adapter = adapter
    return settled
  }

  /// What a run is over, before its model is loaded.
  struct Prepared {
    let backend: CPUBackend
    let data: RecipeData
    let train: Dataset
    let validation: Dataset?
    let mixture: Mixture
    let planner: BatchPlanner
    let steps: Int
    let epochs: Double
  }

  /// Everything that a run needs, built and checked; nothing on disk has changed yet.
  struct Parts {
    let model: any CausalLM
    let weights: any TrainedWeights
    /// The recipe with the layouts that were found.
    let loaded: LoadedRecipe
    let encoder: ExampleEncoder
    let tokenizer: Tokenizer
    let stops: Set<Int32>
    let method: any HalterTraining.Method
    let memory: RunMemory
    let planner: BatchPlanner
    let mixture: Mixture
    let steps: Int
    let epochs: Double
    let train: Dataset
    let validation: Dataset?
    let backend: CPUBackend
    let modelName: String
  }

  /// Builds everything and says what a run would do, without running it.
  public func dryRun(observer: any RunObserver) throws {
    let parts = try build(observer, ignoringMemory: false) { false }
    try observer.observe(.started(header(parts, directory: recipe.output.absolute, resumed: nil)))
  }

  /// Trains.
  /// - Parameters:
  ///   - resuming: the run directory to go on with; a new one is made when nil.
  ///   - ignoringMemory: runs even what will not fit in memory.
  ///   - observer: the console.
  ///   - shouldStop: asked after each step; true saves and ends the run.
  /// - Returns: how the run ended.
  public func run(
    resuming: URL?, ignoringMemory: Bool = false, observer: any RunObserver,
    shouldStop: @escaping () -> Bool
  ) throws -> RunSummary {
    let existing = try resuming.map { try RunDirectory(existing: $0) }
    let parts = try build(observer, ignoringMemory: ignoringMemory, shouldStop)
    let directory = try existing ?? RunDirectory(creating: recipe.output.url)
    let store = CheckpointStore(run: directory.url)
    try AtomicDirectory.removeLeftovers(in: store.directory)
    try AtomicDirectory.removeLeftovers(in: directory.url)

    let optimizer: AdamW
    do {
      optimizer = try recipe.train.optimizer(of: parts.weights, in: directory.url)
    } catch {
      if existing == nil { try? FileManager.default.removeItem(at: directory.url) }
      throw error
    }
    let log = existing == nil ? try MetricsLog(directory: directory.url) : nil
    let observers = Observers([observer])
    let trainer = Trainer(
      method: parts.method, weights: parts.weights, optimizer: optimizer, planner: parts.planner,
      configuration: configuration(parts), store: store,
      sample: { try samples(parts) }, observers: [observers], shouldStop: shouldStop)
    if existing != nil { try trainer.resume(from: store.newest()) }
    observers.add(try log ?? MetricsLog(directory: directory.url, resumingAt: trainer.step))
    observers.add(ReportObserver(directory: directory.url))
    if existing == nil { try AtomicWrite.write(parts.loaded.stored(), to: directory.recipe) }
    try observers.observe(
      .started(
        header(
          parts, directory: directory.url.path, resumed: existing == nil ? nil : trainer.step)))

    let outcome = try trainer.run()
    let isFinished = outcome.ending == .finished
    if isFinished {
      try AtomicDirectory.write(to: directory.result, overwrite: true) {
        try parts.weights.write(to: $0)
      }
    }
    let summary = RunSummary(
      ending: outcome.ending, step: outcome.step, seconds: outcome.seconds,
      tokens: outcome.tokens, skippedSteps: outcome.skipped, firstEvaluation: outcome.first,
      lastEvaluation: outcome.last, bestEvaluation: outcome.best,
      peakResidentBytes: ProcessMemory.current.peak, directory: directory.url,
      result: isFinished ? directory.result : nil)
    try observers.observe(.ended(summary))
    return summary
  }

  /// Opens the data and settles what a run is over.
  func prepare(
    _ observer: any RunObserver, _ shouldStop: @escaping () -> Bool
  ) throws -> Prepared {
    let backend = place.backend(threads: recipe.train.threads, compute: recipe.train.compute)
    let data = try RecipeData(loaded, in: place, observer: observer, shouldStop: shouldStop)
    let trainSet = try data.train()
    let (train, validation) =
      (trainSet.dataset, try data.validation(apartFrom: trainSet)?.dataset)
    let budget: BatchPlanner.Budget =
      recipe.train.batchSize.map { .rows($0) } ?? .tokens(recipe.train.batchTokens ?? 2048)
    let mixture = try Mixture(of: train, from: data.sources.train)
    let planner = BatchPlanner(
      lengths: train.lengths, sources: mixture.sources, budget: budget,
      accumulate: recipe.train.accumulate, seed: UInt64(recipe.train.seed))
    let (steps, epochs) = extent(planner)
    return Prepared(
      backend: backend, data: data, train: train, validation: validation, mixture: mixture,
      planner: planner, steps: steps, epochs: epochs)
  }

  private func build(
    _ observer: any RunObserver, ignoringMemory: Bool, _ shouldStop: @escaping () -> Bool
  ) throws -> Parts {
    let prepared = try prepare(observer, shouldStop)
    let memory = try memory(prepared, available: SystemMemory.available)
    switch memory.check.verdict {
    case .fits: break
    case .tooLarge where !ignoringMemory: throw memory.check.error(memory.advice)
    case .tight, .tooLarge: try observer.observe(.warning(memory.check.finding))
    }
    let (open, encoder, name) =
      (prepared.data.open, prepared.data.encoder, prepared.data.modelName)
    try observer.observe(.stage("Loading \(name)"))
    let trained = try load(prepared, recomputes: memory.recomputes)
    return Parts(
      model: trained.model, weights: trained.weights,
      loaded: loaded.naming(
        layouts: prepared.train.layouts, ofValidation: prepared.validation?.layouts ?? []),
      encoder: encoder, tokenizer: open.tokenizer,
      stops: try open.stops(chats: encoder.renderer != nil),
      method: trained.method, memory: memory, planner: prepared.planner,
      mixture: prepared.mixture, steps: prepared.steps, epochs: prepared.epochs,
      train: prepared.train, validation: prepared.validation, backend: prepared.backend,
      modelName: name)
  }

  /// The model as a user names it to other commands.
  public var modelName: String { recipe.model.fullName }

  /// The steps of the run, and how many passes over the data they are.
  private func extent(_ planner: BatchPlanner) -> (steps: Int, epochs: Double) {
    if let steps = recipe.train.steps {
      return (steps, Double(steps) / Double(max(1, planner.epoch(0).stepCount)))
    }
    let epochs = recipe.train.epochs ?? 1
    let whole = Int(epochs.rounded(.down))
    let rest = (epochs - Double(whole)) * Double(planner.epoch(whole).stepCount)
    return (max(1, planner.stepCount(epochs: whole) + Int(rest.rounded())), epochs)
  }

  private func configuration(_ parts: Parts) -> TrainerConfiguration {
    let kind = recipe.train.schedule
    let floor = kind.floor ?? 0
    let shape: Schedule.Shape =
      switch kind.kind {
      case .constant: .constant
      case .linear: .linear(floor: floor)
      case .cosine: .cosine(floor: floor)
      case .wsd: .wsd(decay: kind.decay ?? 0.1, floor: floor)
      }
    return TrainerConfiguration(
      schedule: Schedule(
        peak: recipe.train.learningRate, shape: shape,
        warmupSteps: recipe.train.warmup.steps(of: parts.steps), totalSteps: parts.steps),
      clip: recipe.train.clip, evaluateEvery: recipe.eval.every, saveEvery: recipe.save.every,
      keep: recipe.save.keep, seed: UInt64(recipe.train.seed),
      dropsOut: (recipe.adapter?.dropout ?? 0) > 0,
      recipeFingerprint: Self.fingerprint(parts.loaded))
  }

  /// A fingerprint of what the recipe says about the training itself. How often to look, what to
  /// keep, where to put it and on how many threads may change between a run and its resumption.
  private static func fingerprint(_ loaded: LoadedRecipe) -> String {
    var essence = loaded
    essence.recipe.eval = EvalRecipe()
    essence.recipe.save = SaveRecipe()
    essence.recipe.output = RecipePath(text: "", absolute: "")
    essence.recipe.train.threads = nil
    essence.recipe.train.optimizer.isPaged = false
    return String(hexDigest(essence.resolved(showingOrigins: false)).prefix(16))
  }

  private func samples(_ parts: Parts) throws -> [SampleText] {
    try recipe.eval.samples.map { prompt in
      let tokens = try parts.encoder.prompt(prompt)
      let generator = Generator(
        parts.model,
        capacity: tokens.count + min(recipe.eval.maxNewTokens, parts.model.contextLength))
      let (answer, finish) = try generator.generate(
        tokens, maxTokens: recipe.eval.maxNewTokens, stops: parts.stops, sampling: Sampling())
      return SampleText(
        step: 0, prompt: prompt, text: parts.tokenizer.decode(answer),
        stopped: finish == .stop)
    }
  }

  private func header(_ parts: Parts, directory: String, resumed: Int?) -> RunHeader {
    let sets = [("train", parts.train), ("validation", parts.validation)]
    let notes =
      sets.flatMap { name, dataset in
        (dataset?.statistics.notes ?? []).map { "\(name): \($0)" }
      } + parts.mixture.notes(parts.planner) + [parts.memory.note].compactMap { $0 }
    var layouts: [String] = []
    for layout in sets.flatMap({ $0.1?.layouts ?? [] }) where !layouts.contains(layout) {
      layouts.append(layout)
    }
    let statistics = parts.train.statistics
    let tokens = parts.planner.shares(epoch: 0).reduce(0) { $0 + $1.tokens }
    let share = Double(tokens) / Double(max(1, statistics.tokens))
    let scores = recipe.method == .reward
    let answers = (0..<(scores ? parts.train.count : 0)).reduce(0) {
      $0 + (parts.train.comparison(ofRow: $1)?.lengths.count ?? 0)
    }
    return RunHeader(
      name: URL(fileURLWithPath: directory).lastPathComponent, method: parts.method.name,
      model: parts.modelName, adapter: parts.weights.summary, device: parts.backend.summary,
      weightCount: parts.model.weightCount,
      trainableCount: parts.weights.parameters.reduce(0) { $0 + $1.parameter.count },
      trainRows: parts.train.count, validationRows: parts.validation?.count ?? 0,
      tokensPerEpoch: tokens,
      // Sources that are drawn more or less than once are taken to be trained as much as all are.
      trainedTokensPerEpoch: scores
        ? 0 : Int((share * Double(statistics.trainedTokens)).rounded()),
      scoredAnswersPerEpoch: scores ? Int((share * Double(answers)).rounded()) : nil,
      lengths: DataText.lengths(parts.train.statistics), layouts: layouts, notes: notes,
      totalSteps: parts.steps, epochs: parts.epochs, resumedFrom: resumed, directory: directory)
  }
}

/// Passes events on to several observers, which may join while the run is being set up.
final class Observers: RunObserver {
  private var observers: [any RunObserver]

  init(_ observers: [any RunObserver]) { self.observers = observers }

  func add(_ observer: any RunObserver) { observers.append(observer) }

  func observe(_ event: RunEvent) throws {
    for observer in observers { try observer.observe(event) }
  }
}
