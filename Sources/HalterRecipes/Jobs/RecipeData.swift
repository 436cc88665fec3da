import Foundation
import HalterData
import HalterHub
import HalterModels
import HalterTokenizers
import HalterTraining

/// The data of a recipe, with what it is read by: the checkpoint's tokenizer and template, and the
/// recipe's policies.
struct RecipeData {
  /// The checkpoint, before its weights are loaded.
  let open: OpenModel
  /// The model as the recipe names it.
  let modelName: String
  /// The way from examples to rows.
  let encoder: ExampleEncoder
  private let loaded: LoadedRecipe
  private let place: Workplace
  private let observer: any RunObserver
  private let shouldStop: () -> Bool
  private var recipe: DataRecipe { loaded.recipe.data }
  /// The copy of standard input, where a source is that.
  private let standardInput: URL?

  /// Opens the model of a recipe and settles the recipe's policies with it.
  /// - Parameters:
  ///   - observer: told what is being done.
  ///   - shouldStop: asked while rows are read; true ends that.
  /// - Throws: what keeps the model from being found or opened, and `TrainingError` if the recipe
  ///   asks for longer rows than the model can take.
  init(
    _ loaded: LoadedRecipe, in place: Workplace, observer: any RunObserver,
    shouldStop: @escaping () -> Bool = { false }
  ) throws {
    let recipe = loaded.recipe
    let (url, name) = try Self.location(of: recipe.model, in: place)
    try observer.observe(.stage("Opening \(name)"))
    open = try OpenModel(url, templateName: recipe.template)
    modelName = name
    let tokenizer = open.tokenizer
    let length = try Self.lengthPolicy(
      recipe, context: open.checkpoint.configuration.contextLength)
    let fillInTheMiddle = try recipe.data.fim.map {
      try FillInTheMiddle(
        tokenizer, name: name, rate: $0.rate, spm: $0.spm, seed: UInt64(recipe.train.seed))
    }
    switch recipe.method {
    case .sft:
      encoder = ExampleEncoder(
        renderer: PromptRenderer(
          tokenizer: tokenizer, template: try open.template.get(),
          trainOn: TrainOn(recipe.data.trainOn)),
        length: length, fillInTheMiddle: fillInTheMiddle)
    case .pretrain:
      encoder = ExampleEncoder(
        pretraining: tokenizer, length: length, fillInTheMiddle: fillInTheMiddle)
    }
    standardInput = try Self.standardInput(of: recipe.data, in: place) {
      try observer.observe(.stage($0))
    }
    self.loaded = loaded
    self.place = place
    self.observer = observer
    self.shouldStop = shouldStop
  }

  /// The template that goes with what is trained: the one it is trained with, or the checkpoint's
  /// own where none is needed.
  var template: ChatTemplate? { encoder.renderer?.template ?? (try? open.template.get()) }

  /// Where the rows to learn from are.
  var trainSources: [DataSource] { sources(recipe.train) }

  /// Where the rows to measure the loss on are; nil where the recipe names none.
  var validationSources: [DataSource]? { (recipe.validation?.sources).map(sources) }

  /// The rows to learn from.
  /// - Throws: `DataError` as `Dataset` does, and where texts are to be rewritten and there is none;
  ///   `PreparationInterrupted`.
  func train() throws -> PreparedSet {
    let set = try open("train", trainSources)
    if recipe.fim != nil, set.dataset.statistics.kinds[.text] == nil {
      throw DataError(
        .misfit,
        "data.fim is given, and no row of data.train is plain text, which alone is rewritten for"
          + " filling in the middle; take it out")
    }
    return set
  }

  /// The rows to measure the loss on; nil where the recipe names none.
  /// - Throws: `DataError` as `Dataset` does, and `PreparationInterrupted`.
  func validation() throws -> PreparedSet? {
    try validationSources.map { try open("validation", $0) }
  }

  private func open(_ name: String, _ sources: [DataSource]) throws -> PreparedSet {
    try observer.observe(.stage("Reading the data"))
    return try PreparedSet(
      name, sources, encoder: encoder, recipe: loaded.file, in: place.datasets,
      threads: loaded.recipe.train.threads ?? ProcessInfo.processInfo.activeProcessorCount,
      observer: observer, shouldStop: shouldStop)
  }

  private func sources(_ recipes: [SourceRecipe]) -> [DataSource] {
    recipes.map {
      DataSource(
        path: $0.path.isStandardInput ? standardInput?.path ?? "" : $0.path.absolute,
        name: $0.path.isStandardInput ? StandardInput.name : $0.path.text,
        format: DataFormat(rawValue: $0.format.rawValue), layout: $0.layout.rawValue,
        columns: $0.columns?.names ?? [:], limit: $0.limit)
    }
  }

  /// Copies standard input to a file where a source is that.
  private static func standardInput(
    of recipe: DataRecipe, in place: Workplace, stage: (String) throws -> Void
  ) throws -> URL? {
    let sources = (recipe.train + (recipe.validation?.sources ?? [])).filter {
      $0.path.isStandardInput
    }
    if sources.isEmpty { return nil }
    if sources.count > 1 {
      throw DataError(
        .misfit, "\(sources.count) sources of the recipe are `-`; it can be read once only",
        file: StandardInput.name)
    }
    try stage("Copying \(StandardInput.name)")
    return try StandardInput.spool(
      into: place.models.root.appendingPathComponent("datasets/stdin"))
  }

  private static func location(
    of model: ModelRecipe, in place: Workplace
  ) throws -> (url: URL, name: String) {
    switch model.base {
    case .path(let path): (path.url, path.text)
    case .name: (try place.models.resolve(model.fullName), model.fullName)
    }
  }

  private static func lengthPolicy(_ recipe: Recipe, context: Int) throws -> LengthPolicy {
    if let wanted = recipe.data.maxLength, wanted > context {
      throw TrainingError(
        .impossible, "data.max_length is \(wanted), the model's context holds \(context) tokens",
        mend: "Lower data.max_length")
    }
    let limit = recipe.data.maxLength ?? min(context, 2048, recipe.train.batchTokens ?? 2048)
    return LengthPolicy(
      maxLength: limit, onOverflow: LengthPolicy.Overflow(recipe.data.onOverflow))
  }
}

extension TrainOn {
  fileprivate init(_ recipe: DataRecipe.Trained) {
    switch recipe {
    case .assistant: self = .assistant
    case .last: self = .last
    case .completion: self = .completion
    case .all: self = .all
    }
  }
}

extension LengthPolicy.Overflow {
  fileprivate init(_ recipe: DataRecipe.Overflow) {
    switch recipe {
    case .drop: self = .drop
    case .error: self = .error
    case .truncateTurns: self = .truncateTurns
    case .truncateLeft: self = .truncateLeft
    case .split: self = .split
    }
  }
}

extension ModelRecipe {
  /// The model as a user names it to other commands.
  var fullName: String {
    switch base {
    case .path(let path): path.absolute
    case .name(let name): revision.map { "\(name)@\($0)" } ?? name
    }
  }
}
